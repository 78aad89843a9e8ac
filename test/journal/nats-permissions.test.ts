import { expect, test } from "@jest/globals";
import { NatsEngine } from "../../src/journal/nats-engine.js";
import { resolveNats } from "../../src/pubsub/nats.js";
import {
  acquired,
  bytesOf,
  commitOf,
  group,
  groupPartition,
  JournalLab,
  letterAt,
  lifeOf,
  partition,
  stream,
} from "../../src/testing/conformance/journal-lab.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats } from "../helpers/brokers/servers.js";
import { documentAt } from "../helpers/documents.js";

const { text } = documentAt("docs/journal-nats.md");
const config = /```text\n(authorization .*?)```/s.exec(text)?.[1] as string;
const rights = [...config.matchAll(/^ +"(.*)"$/gm)].map(([, right]) => right as string);
/** Those that are not needed to start. */
const later = [
  "$JS.API.STREAM.UPDATE.*",
  "$JS.API.STREAM.LIST",
  "$JS.API.CONSUMER.INFO.*.*",
  "$JS.API.CONSUMER.DELETE.*.*",
  "$JS.FC.>",
];

function labAt({ host, port }: Broker): JournalLab {
  const servers = `nats://journal:CHANGE-ME@${host}:${port}`;
  return new JournalLab({
    create: (context) =>
      new NatsEngine({ ...context, namespace: "nebulex" }, resolveNats({ servers })(), 1),
    timeout: 10_000,
  });
}

describeWith("nats-server")("the permissions of docs/journal-nats.md", () => {
  test("are enough for everything", async () => {
    await using broker = await startNats({ jetStream: true, config });
    await using lab = labAt(broker);
    const a = await lab.open("a", { retain: 0, capacity: 100 });
    const reader = a.reader();
    const writer = a.writer();
    await writer.appendEach(20);
    await reader.reaches(20);
    await a.engine.shape(stream, "x");
    expect((await a.engine.streams()).length).toBe(1);
    await a.engine.markLost(partition, lifeOf("b"), bytesOf("m"));
    expect(await a.engine.lastSequence(partition, a.name, "epoch-1")).toBe(19);
    await a.engine.renew(partition, (await a.engine.bounds(partition, 1)).generation);
    await a.engine.entryAt(partition, 1);
    await a.engine.beat(stream, lifeOf("b"), 1000);
    await a.engine.leave(stream, "b", "epoch-1");
    await a.engine.createGroup(group, 1, "earliest");
    let changes = 0;
    const unwatch = a.engine.watchGroup(group, () => changes++);
    await a.engine.joinGroup(group, "m", 1000);
    const state = await acquired(a.engine, "m");
    const dead = [letterAt(0), letterAt(1)];
    const commit = commitOf(state, { position: 2, dead });
    expect((await a.engine.commit(groupPartition, commit)).status).toBe("committed");
    const [first, second] = await a.engine.deadLetters(groupPartition, "resting", 10);
    expect(await a.engine.retry(groupPartition, [String(first?.id)])).toBe(1);
    expect(await a.engine.drop(groupPartition, [String(second?.id)])).toBe(1);
    const last = commitOf(state, { position: 20, leaseTime: 0, retried: [String(first?.id)] });
    expect((await a.engine.commit(groupPartition, last)).status).toBe("committed");
    await a.engine.seek(groupPartition, "latest");
    await lab.until(async () => {
      await a.engine.setPaused(groupPartition, true);
      return changes > 0;
    }, "a change to be heard of");
    await a.engine.trim(partition);
    expect(await a.engine.bounds(partition)).toMatchObject({ first: 21, next: 21 });
    await a.engine.leaveGroup(group, "m");
    unwatch();
    await a.engine.deleteGroup(groupPartition);
    expect(await a.engine.groups(stream)).toEqual([]);
    expect(await a.engine.health?.()).toEqual([]);
    await using wider = labAt(broker);
    const b = await wider.open("b", { capacity: 1000 });
    expect(await b.engine.bounds(partition)).toMatchObject({ next: 21 });
  });

  test.each(rights.filter((right) => !later.includes(right)))(
    "without %s, the start fails and names it",
    async (right) => {
      await using broker = await startNats({
        jetStream: true,
        config: config.replace(`"${right}"`, ""),
      });
      await using lab = labAt(broker);
      const { engine } = lab.create("a");
      await engine.load?.();
      const [subject = ""] = right.split(/[*>]/);
      await expect(engine.open({ status: () => {} })).rejects.toThrow(subject);
    },
  );
});
