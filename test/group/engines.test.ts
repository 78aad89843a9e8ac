import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterGroup, type Journal } from "../../src/index.js";
import { natsJournal } from "../../src/nats.js";
import { redisJournal } from "../../src/redis.js";
import { waitFor } from "../../src/testing.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats, startRedis } from "../helpers/brokers/servers.js";
import { GroupLab, range } from "./lab.js";

const leaseTime = 1000;

interface Kind {
  readonly start: () => Promise<Broker>;
  readonly journal: (broker: Broker, nodeName: string, namespace: string) => Journal;
}

const kinds: Record<"redis-server" | "nats-server", Kind> = {
  "redis-server": {
    start: () => startRedis(),
    journal: ({ port }, nodeName, namespace) =>
      redisJournal({ url: `redis://127.0.0.1:${port}`, nodeName, namespace }),
  },
  "nats-server": {
    start: () => startNats({ jetStream: true }),
    journal: ({ port }, nodeName, namespace) =>
      natsJournal({ servers: `127.0.0.1:${port}`, nodeName, namespace }),
  },
};

for (const binary of ["redis-server", "nats-server"] as const) {
  const kind = kinds[binary];
  describeWith(binary)(`cluster groups over ${binary}`, () => {
    let broker: Broker;
    beforeAll(async () => {
      broker = await kind.start();
    }, 30_000);
    afterAll(() => broker[Symbol.asyncDispose]());

    const labIn = (namespace: string): GroupLab =>
      new GroupLab({
        pool: { leaseTime },
        stream: { partitions: 4, include: ["value"] },
        makeJournal: (nodeName) => kind.journal(broker, nodeName, namespace),
      });

    test("nodes come and go in order: each event is handled once, in order", async () => {
      await using lab = labIn("order");
      const a = await lab.start("a");
      a.put(1, 500);
      const b = await lab.start("b");
      const group = clusterGroup(b.cache, "mailer");
      await waitFor(async () => {
        const owners = (await group.status()).map(({ owner }) => owner);
        return owners.filter((owner) => owner === "b").length === 2;
      });
      b.put(501, 1000);
      await a.stop();
      b.put(1001, 1200);
      await waitFor(() => lab.handled.length >= 1200, { timeout: 20_000 });
      expect(new Set(lab.keysOf())).toEqual(new Set(range(1, 1200)));
      expect(lab.handled).toHaveLength(1200);
      for (const partition of [0, 1, 2, 3]) {
        const positions = lab.handled
          .filter(({ event }) => event.metadata.partition === partition)
          .map(({ position }) => position);
        expect(positions).toEqual(positions.map((_, index) => index));
      }
      await waitFor(async () => (await group.status()).every(({ lag }) => lag === 0));
    });

    test("the owner is killed: the next one goes on, and nothing is lost", async () => {
      await using lab = labIn("kill");
      const a = await lab.start("a");
      a.put(1, 200);
      const groupOfA = clusterGroup(a.cache, "mailer");
      await waitFor(async () => {
        const states = await groupOfA.status();
        return states.reduce((sum, { position, lag }) => sum + position + lag, 0) === 200;
      });
      await a.sup.ref.kill();
      lab.nodes.delete("a");
      const b = await lab.start("b");
      const group = clusterGroup(b.cache, "mailer");
      b.put(201, 300);
      await waitFor(() => range(201, 300).every((key) => lab.keysOf("b").includes(key)), {
        timeout: 20_000,
      });
      await waitFor(async () => (await group.status()).every(({ owner }) => owner === "b"));
      expect(new Set(lab.keysOf())).toEqual(new Set(range(1, 300)));
    });

    test("pause, seek, dead letters and retry", async () => {
      await using lab = labIn("direct");
      let fails = true;
      const a = await lab.start("a", {
        pool: { onError: "resume", onDeadLetter: () => {} },
        handle: ({ target }) => {
          if (fails && target.kind === "key" && target.key === "o7") throw new Error("not now");
        },
      });
      const group = clusterGroup(a.cache, "mailer");
      a.put(1, 20);
      await waitFor(async () => (await group.deadLetters()).length > 0);
      expect(await group.deadLetters()).toMatchObject([
        { event: { value: 7 }, error: { message: "not now" }, attempts: 1 },
      ]);
      fails = false;
      expect(await group.retry("all")).toBe(1);
      await waitFor(() => lab.keysOf().includes("o7"));
      await waitFor(async () => (await group.deadLetters()).length === 0);
      await group.pause();
      await waitFor(async () => (await group.status()).every(({ paused }) => paused));
      a.put(21, 40);
      await waitFor(async () => (await group.status()).reduce((sum, it) => sum + it.lag, 0) === 20);
      await group.seek("earliest");
      lab.handled.length = 0;
      await group.resume();
      await waitFor(() => lab.handled.length >= 40);
      expect(new Set(lab.keysOf())).toEqual(new Set(range(1, 40)));
    });
  });
}
