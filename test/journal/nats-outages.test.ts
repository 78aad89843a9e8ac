import { expect, test } from "@jest/globals";
import { waitFor } from "../../src/testing/wait-for.js";
import {
  acquired,
  commitOf,
  groupPartition,
  type LabNode,
  type LabWriter,
  letterAt,
  longLease,
  partition,
  stateOf,
} from "../../src/testing/conformance/journal-lab.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { deleteJetStreamStore } from "../helpers/brokers/servers.js";
import { NatsLab } from "./nats-lab.js";

/** Sends entries until all are stored, many at once, as an outbox does. */
async function storeAll(
  node: LabNode,
  entries: readonly ReturnType<LabWriter["entry"]>[],
): Promise<void> {
  const [first] = entries;
  if (first === undefined) return;
  const { node: name, epoch } = first;
  let left = entries;
  await waitFor(
    async () => {
      const outcomes = await Promise.allSettled(
        left.map((entry) => node.engine.append(partition, entry)),
      );
      const last = await node.engine.lastSequence(partition, name, epoch).catch(() => -1);
      // What is stored is so without a gap, whatever was answered.
      const firstFailed = outcomes.findIndex(({ status }) => status === "rejected");
      const behind = outcomes.slice(firstFailed === -1 ? outcomes.length : firstFailed);
      expect(behind.filter(({ status }) => status === "fulfilled")).toEqual([]);
      left = left.filter(({ to }) => to > last);
      return left.length === 0;
    },
    { timeout: 20_000 },
  );
}

const payloadsOf = (node: LabNode, count: number): string[] =>
  Array.from({ length: count }, (_, at) => `${node.name} epoch-1 ${at}-${at}`);

describeWith("nats-server")("the journal in JetStream", () => {
  test("has each event once, in order, when connections are cut while many are under way", async () => {
    await using nats = await NatsLab.start();
    const { lab, proxy } = nats;
    const a = await lab.open("a");
    const writer = a.writer();
    const reader = a.reader();
    let isWriting = true;
    const cutting = async (): Promise<void> => {
      let seen = 0;
      while (isWriting) {
        await waitFor(() => reader.next >= seen + 100 || !isWriting, { timeout: 20_000 });
        seen = reader.next;
        proxy.cut();
        await a.connected();
      }
    };
    const writing = async (): Promise<void> => {
      for (let batch = 0; batch < 20; batch++)
        await storeAll(
          a,
          Array.from({ length: 100 }, () => writer.entry()),
        );
    };
    await Promise.all([cutting(), writing().finally(() => (isWriting = false))]);
    await reader.reaches(2000);
    expect(reader.payloads).toEqual(payloadsOf(a, 2000));
  });

  test("goes on where it was when the server is killed and comes back with its store", async () => {
    await using nats = await NatsLab.start();
    const { lab, broker } = nats;
    const [a, b] = [await lab.open("a"), await lab.open("b")];
    const writer = a.writer();
    const reader = b.reader();
    const owner = await acquired(b.engine, "b");
    const { generation } = await a.engine.bounds(partition);
    for (let time = 0; time < 3; time++) {
      const storing = storeAll(
        a,
        Array.from({ length: 300 }, () => writer.entry()),
      );
      await waitFor(() => reader.next > time * 300, { timeout: 20_000 });
      await broker.kill();
      await Promise.all([a.disconnected(), b.disconnected()]);
      await broker.restart();
      await storing;
    }
    await reader.reaches(900);
    expect(reader.payloads).toEqual(payloadsOf(a, 900));
    // Its entries may have been stored before the last kill.
    await Promise.all([a.connected(), b.connected()]);
    expect(await b.engine.bounds(partition)).toMatchObject({ generation, first: 0, next: 900 });
    const commit = commitOf(owner, { position: 900, dead: [letterAt(7)] });
    expect((await b.engine.commit(groupPartition, commit)).status).toBe("committed");
    expect(await stateOf(a.engine)).toMatchObject({ owner: "b", position: 900, deadLetters: 1 });
  });

  test("begins a new generation when the server comes back without its store", async () => {
    await using nats = await NatsLab.start();
    const { lab, broker } = nats;
    const a = await lab.open("a");
    const writer = a.writer();
    await writer.appendEach(100);
    const owner = await acquired(a.engine, "a");
    let read = 0;
    const astray = new Promise<void>((resolve) => {
      const entries = (some: readonly unknown[]): void => void (read += some.length);
      a.engine.tail(partition, 0, { entries, astray: resolve });
    });
    await waitFor(() => read === 100, { timeout: 10_000 });
    await broker.kill();
    await a.disconnected();
    await deleteJetStreamStore(broker);
    await broker.restart();
    await a.connected();
    await astray;
    const { generation, next } = await a.engine.bounds(partition);
    expect(generation).not.toBe(owner.generation);
    expect(next).toBe(0);
    expect(await writer.append()).toBe(0);
    const reader = a.reader();
    await reader.reaches(1);
    expect(read).toBe(100);
    const late = await a.engine.commit(groupPartition, commitOf(owner, { position: 9 }));
    expect(late.status).toBe("fenced");
    const again = await acquired(a.engine, "a");
    expect(again).toMatchObject({ position: 0, generation });
    expect(again.fence).toBeGreaterThan(owner.fence);
  });

  test("reads on when its consumer is deleted", async () => {
    await using nats = await NatsLab.start();
    const { lab, jsm } = nats;
    const a = await lab.open("a");
    const writer = a.writer();
    const reader = a.reader();
    for (let next = 100; next <= 300; next += 100) {
      await writer.appendEach(100);
      await reader.reaches(next);
      for await (const { name } of jsm.consumers.list(nats.stream))
        await jsm.consumers.delete(nats.stream, name);
    }
    await writer.appendEach(100);
    await reader.reaches(400);
    expect(reader.payloads).toEqual(payloadsOf(a, 400));
  });

  test("reads with another consumer when one says nothing any more", async () => {
    await using nats = await NatsLab.start();
    const { lab, jsm, broker } = nats;
    const clock = new SimulatedClock();
    const a = await lab.open("a", { clock });
    const b = await lab.open("b");
    const reader = a.reader();
    const writer = b.writer();
    await writer.append();
    await reader.reaches(1);
    const consumers = async (): Promise<string[]> => {
      const names: string[] = [];
      for await (const { name } of jsm.consumers.list(nats.stream)) names.push(name);
      return names;
    };
    const [silent] = await consumers();
    await broker.freeze();
    // By its clock, nothing was heard for long; the connection has not noticed anything.
    await clock.advance(5000);
    broker.thaw();
    await waitFor(async () => (await consumers()).every((name) => name !== silent), {
      timeout: 10_000,
    });
    await writer.append();
    await reader.reaches(2);
    expect(a.statuses).toEqual(["connected"]);
  });

  test("says what endangers it", async () => {
    await using nats = await NatsLab.start();
    const { lab, jsm, stream, names } = nats;
    const a = await lab.open("a");
    await a.writer().append();
    expect(await a.engine.health?.()).toEqual([]);
    await jsm.streams.update(stream, { max_age: 60_000_000_000, duplicate_window: 1_000_000_000 });
    await jsm.streams.update(`KV_${names.stateBucket}`, { max_bytes: 1_000_000 });
    await jsm.streams.add({
      name: "another",
      subjects: ["another"],
      max_age: 60_000_000_000,
      duplicate_window: 1_000_000_000,
    });
    const problems = (await a.engine.health?.())?.map(({ problem }) => problem) ?? [];
    expect(problems.sort()).toEqual([
      expect.stringMatching(/^stream KV_.*-journal drops or refuses what is beyond its max_bytes/),
      expect.stringMatching(
        /^stream conformance-.*~orders~main~0 drops what is older than its max_age/,
      ),
    ]);
  });

  test("has one owner of a lease that two nodes race for, time after time", async () => {
    await using nats = await NatsLab.start();
    const nodes = [await nats.lab.open("a"), await nats.lab.open("b")];
    await nodes[0]?.writer().appendEach(3);
    const fences: number[] = [];
    for (let time = 0; time < 30; time++) {
      const states = await Promise.all(
        nodes.map(({ engine, name }) =>
          engine.acquire(groupPartition, name, longLease, "earliest"),
        ),
      );
      const won = states.map((state) => state !== undefined);
      expect(won.filter(Boolean)).toHaveLength(1);
      const index = won.indexOf(true);
      const state = states[index] as NonNullable<(typeof states)[0]>;
      fences.push(state.fence);
      const commits = await Promise.all(
        nodes.map(({ engine }) =>
          engine.commit(groupPartition, commitOf(state, { fence: state.fence - 1, position: 3 })),
        ),
      );
      expect(commits.map(({ status }) => status)).toEqual(["fenced", "fenced"]);
      const winner = nodes[index] as LabNode;
      const back = await winner.engine.commit(groupPartition, commitOf(state, { leaseTime: 0 }));
      expect(back).toMatchObject({ status: "committed", state: { owner: null, position: 0 } });
    }
    expect(fences).toEqual([...new Set(fences)].sort((x, y) => x - y));
  });
});
