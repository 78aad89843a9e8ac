import { describe, expect, test } from "@jest/globals";
import {
  defineCache,
  OptionError,
  StreamNotFoundError,
  type SubscribeOptions,
  whenIdle,
} from "../../src/index.js";
import { rest } from "../helpers/actors.js";
import { keys, Notes, putKeys, show, Tree, type Users } from "../helpers/streams.js";

describe("where a reader begins", () => {
  const start = () => Tree.start({ stream: { partitions: 1, retain: 10 } });
  const read = async (users: Users, from: SubscribeOptions["from"]): Promise<string[]> => {
    const notes = new Notes();
    users.subscribe(notes.note, { gaps: true, ...(from === undefined ? {} : { from }) });
    users.put("new", 1);
    await whenIdle(users);
    return notes.messages.map((message) =>
      message.type === "gap" ? show(message) : String(message.metadata.sequence),
    );
  };
  const sequences = (from: number, to: number): string[] =>
    keys(from, to).map((key) => key.slice(1));

  test.each([
    ["default", undefined, ["100"]],
    ["latest", "latest" as const, ["100"]],
    ["earliest", "earliest" as const, sequences(90, 101)],
    ["a sequence that is kept", 95, sequences(95, 101)],
    ["the oldest kept", 90, sequences(90, 101)],
    ["the next event's", 100, ["100"]],
    ["a sequence that is gone", 42, ["gap overrun 42..89", ...sequences(90, 101)]],
  ])("%s", async (_name, from, expected) => {
    await using tree = await start();
    putKeys(tree.users, 0, 100);
    await whenIdle(tree.users);
    await rest(2);
    expect(await read(tree.users, from)).toEqual(expected);
  });

  test("beyond the end is an error that says where the end is", async () => {
    await using tree = await start();
    putKeys(tree.users, 0, 5);
    expect(() => tree.users.subscribe(() => {}, { from: 6 })).toThrow(
      new OptionError(
        "from",
        'invalid value for option "from": expected a sequence <= 5 (the next event\'s), got: 6',
      ),
    );
  });
});

describe("options that are wrong", () => {
  const partitioned = { partitions: 4 };
  test.each([
    [
      partitioned,
      { partition: 10 },
      'invalid value for option "partition": expected an integer >= 0 and < 4 (the number of partitions), got: 10',
    ],
    [
      partitioned,
      { partition: -1 },
      'invalid value for option "partition": expected an integer >= 0 and < 4 (the number of partitions), got: -1',
    ],
    [
      partitioned,
      { partition: 1.5 },
      'invalid value for option "partition": expected an integer >= 0 and < 4 (the number of partitions), got: 1.5',
    ],
    [
      {},
      { partition: 0 },
      'invalid value for option "partition": expected "all" or "auto" (the stream has no partitions), got: 0',
    ],
    [
      {},
      { partition: "some" },
      'invalid value for option "partition": expected an integer, "all" or "auto", got: \'some\'',
    ],
    [
      {},
      { events: [] },
      'invalid value for option "events": expected a non-empty array of values among "inserted", "updated", "deleted", "expired", "evicted", got: []',
    ],
    [
      {},
      { events: ["gone"] },
      'invalid value for option "events": expected a non-empty array of values among "inserted", "updated", "deleted", "expired", "evicted", got: [ \'gone\' ]',
    ],
    [{}, { group: "" }, "invalid value for option \"group\": expected a non-empty string, got: ''"],
    [{}, { gaps: 1 }, 'invalid value for option "gaps": expected a boolean, got: 1'],
    [
      {},
      { from: -1 },
      'invalid value for option "from": expected "latest", "earliest", an integer >= 0 (a sequence) or a token of position(), got: -1',
    ],
    [
      {},
      { from: 1, partition: "all" },
      'invalid value for option "from": expected "latest", "earliest" or a token (a sequence belongs to one partition) for partition "all", got: 1',
    ],
  ])("%p, %p", async (stream, options, message) => {
    await using tree = await Tree.start({ stream });
    for (const call of [
      () => tree.users.subscribe(() => {}, options as never),
      () => tree.users.events(options as never),
    ]) {
      expect(call).toThrow(OptionError);
      expect(call).toThrow(message);
    }
  });

  test("are named if they are unknown", async () => {
    await using tree = await Tree.start();
    expect(() => tree.users.subscribe(() => {}, { topic: "x" } as never)).toThrow(
      /^unknown option "topic" for subscribe/,
    );
    expect(() => tree.users.subscribe(() => {}, { signal: 1 } as never)).toThrow(
      /^unknown option "signal"/,
    );
    expect(() => tree.users.events({ signal: 1 } as never)).toThrow(
      'invalid value for option "signal": expected an AbortSignal, got: 1',
    );
  });

  test("are StreamNotFoundErrors at the call where there is no stream", () => {
    const users = defineCache({ name: "users" });
    expect(() => users.subscribe(() => {})).toThrow(StreamNotFoundError);
    expect(() => users.events()).toThrow("stream server not found: users");
  });
});
