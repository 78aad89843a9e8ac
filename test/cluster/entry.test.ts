import { describe, expect, test } from "@jest/globals";
import { type CacheEvent, causeOf, MultiTarget } from "../../src/event/event.js";
import { appendBatch, WriterCauses } from "../../src/cluster/append-batch.js";
import {
  contentHead,
  decodeEntry,
  encodeEvents,
  encodeLoss,
  type EventsEntry,
} from "../../src/cluster/entry.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import type { Row } from "../../src/log/segment.js";
import { binaryCodec } from "../../src/pubsub/binary-codec.js";
import { contentBeginsWith, frame } from "../../src/pubsub/frame.js";
import { jsonCodec } from "../../src/pubsub/json-codec.js";
import { source } from "../log/logs.js";

const address = { namespace: "nebulex", cache: "users", name: "users" };
const head = { node: "writer", epoch: "e1", startedAt: 1000, partition: 0 };
const maxSize = 1_000_000;
const cause = causeOf("put");
const row = (sequence: number, subject: unknown, value?: unknown): Row => ({
  type: "updated",
  at: sequence,
  cause,
  subject,
  sequence,
  value,
  previous: undefined,
});

const rows = [
  row(3, "a", 1n),
  row(4, new MultiTarget({ kind: "keys", keys: ["b", "c"] }), new Map([["b", 2]])),
  row(7, { id: 5 }, new Date(5)),
];

const decode = (payload: Uint8Array, count: number, max = maxSize) =>
  decodeEntry({ payload, count, position: 0, time: 0 }, max, address, 0, "generation");

describe.each([binaryCodec, jsonCodec])("an entry, by codec $name", (codec) => {
  test("keeps events with types, sequences and writer", () => {
    const entry = decode(encodeEvents(codec, address, head, rows, 7), 3);
    const log = new PartitionLog(
      source,
      0,
      { capacity: 10, retain: 10 },
      { value: true, previous: false },
      () => {},
      true,
      20,
    );
    appendBatch(log, (entry as EventsEntry).batch, new WriterCauses(source).of(entry), 1, 30);
    const events: CacheEvent[] = [log.at(20), log.at(21)];
    expect(
      events.map(({ target, metadata: { node, epoch, sequence, position, timestamp } }) => [
        target,
        node,
        epoch,
        sequence,
        position,
        timestamp,
      ]),
    ).toEqual([
      [{ kind: "keys", keys: ["b", "c"] }, "writer", "e1", 4, 31, 1004],
      [{ kind: "key", key: { id: 5 } }, "writer", "e1", 7, 32, 1007],
    ]);
    expect(events[0]?.values).toEqual(new Map([["b", 2]]));
    expect(events[1]?.value).toEqual(new Date(5));
  });

  test("begins as all of its epoch and partition do, and as no others", () => {
    const start = contentHead(codec, address, head);
    const begins = (payload: Uint8Array): boolean => contentBeginsWith(payload, codec, start);
    for (const to of [7, 127, 128, 255, 256, 65_536, 2 ** 31, 2 ** 40])
      expect(begins(encodeEvents(codec, address, head, rows, to))).toBe(true);
    const others = [
      encodeEvents(codec, { ...address, cache: "user" }, head, rows, 7),
      encodeEvents(codec, address, { ...head, node: "write" }, rows, 7),
      encodeEvents(codec, address, { ...head, epoch: "e2" }, rows, 7),
      encodeEvents(codec, address, { ...head, startedAt: 1001 }, rows, 7),
      encodeEvents(codec, address, { ...head, partition: 1 }, rows, 7),
      encodeEvents(codec === jsonCodec ? binaryCodec : jsonCodec, address, head, rows, 7),
      encodeLoss(codec, address, head, 5, 4, "transport"),
      encodeEvents(codec, address, head, rows, 7).subarray(0, 20),
      new Uint8Array(),
    ];
    for (const other of others) expect(begins(other)).toBe(false);
  });

  test("keeps a marker", () => {
    const marker = encodeLoss(codec, address, head, 5, 4, "transport");
    expect(decode(marker, 1)).toEqual({
      kind: "loss",
      ...head,
      from: 5,
      to: 4,
      reason: "transport",
    });
  });
});

describe("an entry that is refused", () => {
  const bytes = encodeEvents(binaryCodec, address, head, rows, 7);
  const fields = (change: (all: unknown[]) => void): Uint8Array => {
    const all = [1, "nebulex", "users", "users", "writer", "e1", 1000, 0, 5, 4, 0];
    change(all);
    return frame(binaryCodec, all);
  };

  test.each<[string, Uint8Array]>([
    [
      "of another namespace",
      encodeEvents(binaryCodec, { ...address, namespace: "x" }, head, rows, 7),
    ],
    ["of another cache", encodeEvents(binaryCodec, { ...address, cache: "x" }, head, rows, 7)],
    ["of another instance", encodeEvents(binaryCodec, { ...address, name: "x" }, head, rows, 7)],
    [
      "of another partition",
      encodeEvents(binaryCodec, address, { ...head, partition: 1 }, rows, 7),
    ],
    ["cut off", bytes.subarray(0, bytes.length - 1)],
    ["empty", new Uint8Array()],
    ["of no kind", fields((all) => (all[0] = 2))],
    ["without a node", fields((all) => (all[4] = ""))],
    ["with a range that ends before it begins", fields((all) => (all[9] = 3))],
    ["with an unknown reason", fields((all) => (all[10] = 2))],
    ["with too many fields", fields((all) => all.push(0))],
    ["with too few fields", fields((all) => all.pop())],
    ["with no sequence", fields((all) => (all[8] = -1))],
    ["with another number of events than positions", bytes],
  ])("%s", (_what, payload) => {
    expect(() => decode(payload, 1)).toThrow(
      expect.objectContaining({ reason: expect.any(String) }),
    );
  });

  test("beyond the size that is accepted", () => {
    expect(() => decode(bytes, 3, bytes.length - 1)).toThrow(
      expect.objectContaining({ reason: "oversized" }),
    );
  });
});
