import { describe, expect, test } from "@jest/globals";
import { defaultHash, defineCache, getStream, OptionError, streamServer } from "../../src/index.js";
import { Tree } from "../helpers/streams.js";

describe("options of a stream server", () => {
  const users = defineCache<string, number>({ name: "users" });

  test.each([
    [
      { partitions: 0 },
      'invalid value for option "partitions": expected an integer >= 1 and <= 65536, got: 0',
    ],
    [
      { broadcastFun: "x" },
      'invalid value for option "broadcastFun": expected one of "broadcast", "broadcast_from", got: \'x\'',
    ],
    [
      { backoffInitial: 0 },
      'invalid value for option "backoffInitial": expected a number of milliseconds > 0, got: 0',
    ],
    [
      { backoffMax: 10 },
      'invalid value for option "backoffMax": expected a number of milliseconds >= 1000 (backoffInitial), got: 10',
    ],
    [{ hash: 1 }, 'invalid value for option "hash": expected a function, got: 1'],
    [
      { include: ["all"] },
      'invalid value for option "include": expected an array of values among "value", "previous", got: [ \'all\' ]',
    ],
    [
      { capacity: 0 },
      'invalid value for option "capacity": expected an integer >= 1 and <= 1073741824, got: 0',
    ],
    [
      { capacity: 10, retain: 11 },
      'invalid value for option "retain": expected an integer >= 0 and <= 10, got: 11',
    ],
    [
      { name: "a:b" },
      'invalid value for option "name": expected a non-empty string without ":", got: \'a:b\'',
    ],
    [
      { cache: {} },
      'invalid value for option "cache": expected a cache, as defineCache returns it, got: {}',
    ],
  ])("%p is refused when the spec is made", (options, message) => {
    const make = () => streamServer({ cache: users, ...options } as never);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });

  test("that is unknown is named", () => {
    expect(() => streamServer({ cache: users, partition: 4 } as never)).toThrow(
      /^unknown option "partition" for streamServer/,
    );
  });

  test("have defaults, which the stream's info shows", async () => {
    await using tree = await Tree.start({ cache: users, stream: { capacity: 100 } });
    expect(getStream(users)).toMatchObject({
      partitions: null,
      pubsub: null,
      broadcastFun: "broadcast",
      hash: defaultHash,
      options: {
        backoffInitial: 1000,
        backoffMax: 30_000,
        include: [],
        capacity: 100,
        retain: 100,
      },
    });
    expect(tree.users).toBe(users);
  });
});
