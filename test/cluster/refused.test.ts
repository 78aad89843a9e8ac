import { expect, test } from "@jest/globals";
import { doctor } from "../../src/cli/doctor.js";
import { parseCommand } from "../../src/cli/arguments.js";
import {
  createSystem,
  defineCache,
  invalidator,
  type PubSub,
  startSupervisor,
  streamServer,
} from "../../src/index.js";
import { natsPubSub } from "../../src/nats.js";
import { redisPubSub } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { reloadNats, startNats, startRedis, tellRedis } from "../helpers/brokers/servers.js";

type Rights = "all" | "subscribe" | "publish" | "none";

interface Engine {
  start(rights: Rights): Promise<Broker>;
  change(broker: Broker, rights: Rights): Promise<void>;
  url(broker: Broker): string;
  pubsub(url: string, nodeName: string, heartbeat: number): PubSub;
  /** The permissions that are left when some are taken away from connected users. */
  leaves: readonly Rights[];
  option: "--redis" | "--nats";
}

const settled = { timeout: 20_000 };
/** A start waits a heartbeat for its connection: this has to be longer than any machine pause. */
const patient = 15_000;
/** How long a connection is lost before readers get a gap. */
const quick = 200;

async function node(pubsub: PubSub, name: string) {
  const cache = defineCache<string, number>({ name: "users" });
  const system = createSystem({ name });
  const start = () =>
    startSupervisor({
      system,
      strategy: "rest_for_one",
      children: [
        pubsub,
        cache,
        streamServer({ cache, pubsub, partitions: 1 }),
        invalidator({ cache }),
      ],
    });
  return { cache, start };
}

function suite({ start, change, url, pubsub, leaves, option }: Engine): void {
  async function examine(broker: Broker): Promise<string> {
    const command = parseCommand(
      `doctor ${option} ${url(broker)} --cache users --heartbeat ${patient} --timeout 600`.split(
        " ",
      ),
    );
    if (command.kind !== "doctor") throw new Error("no doctor");
    let said = "";
    const output = {
      write: (text: string) => void (said += text),
      say: () => {},
      signal: new AbortController().signal,
    };
    expect(await doctor(command.options, output as never)).toBe("no_broker");
    return said;
  }

  test.each(["none", "subscribe", "publish"] as const)(
    "a start with the right to %s fails, and doctor says why",
    async (rights) => {
      await using broker = await start(rights);
      const a = await node(pubsub(url(broker), "a", patient), "a");
      const error = (await failure(a.start())) as Error;
      expect(error.cause).toMatchObject({ name: "PubSubError", reason: "refused" });
      expect(String(error.cause)).toContain("stream:users:users:node");
      const said = await examine(broker);
      expect(said).toContain("refuse");
      expect(said).not.toContain("s3cret");
    },
  );

  test.each(leaves)(
    "later, with the right to %s only, it is tried again until it has all",
    async (rights) => {
      await using broker = await start("all");
      const ps = pubsub(url(broker), "a", quick);
      const a = await node(ps, "a");
      const b = await node(pubsub(url(broker), "b", quick), "b");
      await using _ = await a.start();
      await using __ = await b.start();
      const gaps: unknown[] = [];
      a.cache.subscribe((message) => void (message.type === "gap" && gaps.push(message)), {
        partition: 0,
        gaps: true,
      });
      a.cache.put("copy", 1);
      await change(broker, rights);
      // The broker refuses only what is sent.
      await waitFor(() => {
        a.cache.put("x", Math.random());
        return ps.status === "reconnecting";
      }, settled);
      await waitFor(() => a.cache.get("copy") === undefined, settled);
      expect(ps.status).toBe("reconnecting");
      // A gap for unknown nodes has this node's own name.
      const open = expect.objectContaining({ reason: "transport", node: "a" });
      await waitFor(() => gaps.some((gap) => (gap as { node: string }).node === "a"), settled);
      expect(gaps).toContainEqual(open);
      await change(broker, "all");
      await waitFor(() => ps.status === "connected", settled);
      b.cache.put("key", 1);
      a.cache.put("key", 2);
      await waitFor(() => b.cache.get("key") === undefined, settled);
      a.cache.put("other", 1);
      await waitFor(() => {
        b.cache.put("other", Math.random());
        return a.cache.get("other") === undefined;
      }, settled);
    },
  );
}

describeWith("redis-server")("a Redis that refuses channels", () => {
  const change = async (broker: Broker, rights: Rights): Promise<void> => {
    const channels = rights === "none" ? "" : "allchannels";
    const taken = { all: "", none: "", subscribe: "-publish", publish: "-subscribe" }[rights];
    const acl = `ACL SETUSER ann reset on >s3cret +@all resetchannels ${channels} ${taken}`;
    expect(await tellRedis(broker, acl.trim())).toContain("+OK");
  };
  suite({
    start: async (rights) => {
      const broker = await startRedis();
      await change(broker, rights);
      return broker;
    },
    change,
    url: ({ host, port }) => `redis://ann:s3cret@${host}:${port}`,
    pubsub: (url, nodeName, heartbeat) => redisPubSub({ url, nodeName, heartbeat }),
    // Subscriptions outlive the permission to subscribe.
    leaves: ["none", "subscribe"],
    option: "--redis",
  });
});

describeWith("nats-server")("a NATS that refuses channels", () => {
  const config = (rights: Rights): string => {
    const allow = (is: boolean): string => (is ? `{ allow: ">" }` : `{ deny: ">" }`);
    const publish = allow(rights === "all" || rights === "publish");
    const subscribe = allow(rights === "all" || rights === "subscribe");
    return `authorization { users = [ { user: ann, password: s3cret,
      permissions: { publish: ${publish}, subscribe: ${subscribe} } } ] }`;
  };
  suite({
    start: (rights) => startNats({ config: config(rights) }),
    change: async (broker, rights) => reloadNats(broker, config(rights)),
    url: ({ host, port }) => `nats://ann:s3cret@${host}:${port}`,
    pubsub: (servers, nodeName, heartbeat) => natsPubSub({ servers, nodeName, heartbeat }),
    leaves: ["none", "subscribe", "publish"],
    option: "--nats",
  });
});
