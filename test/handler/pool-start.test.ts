import { describe, expect, test } from "@jest/globals";
import {
  GroupBusyError,
  handlerPool,
  OptionError,
  startSupervisor,
  StreamNotFoundError,
  type SupervisorError,
  whenIdle,
  defineCache,
  streamServer,
} from "../../src/index.js";
import { failure, Gate, until } from "../helpers/actors.js";
import { Notes, poolOf, putKeys, Tree } from "../helpers/streams.js";

describe("the start of a pool", () => {
  test("fails with StreamNotFoundError where there is no stream server", async () => {
    const users = defineCache<string, number>({ name: "users" });
    const sup = await startSupervisor({ strategy: "one_for_one", children: [users] });
    const error = await failure(sup.startChild(poolOf(users, () => {})));
    expect(error).toMatchObject({ reason: "failed_to_start_child", childId: "users:handlers" });
    expect((error as SupervisorError).cause).toBeInstanceOf(StreamNotFoundError);
    expect((error as SupervisorError).cause).toMatchObject({
      message: "stream server not found: users",
    });
    await sup.stop();
  });

  test("fails where the stream has another number of partitions", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const error = await failure(
      tree.sup.startChild(poolOf(tree.users, () => {}, { partitions: 3 })),
    );
    expect((error as SupervisorError).cause).toEqual(
      new OptionError(
        "partitions",
        'invalid value for option "partitions": expected 4 (the stream\'s number of partitions), got: 3',
      ),
    );
    await tree.sup.startChild(poolOf(tree.users, () => {}, { partitions: 4 }));
  });

  test("fails where the stream does not include the values that the pool needs", async () => {
    await using tree = await Tree.start({ stream: { include: ["previous"] } });
    const pool = poolOf(tree.users, () => {}, { include: ["value"] as never });
    expect(((await failure(tree.sup.startChild(pool))) as SupervisorError).cause).toEqual(
      new OptionError(
        "include",
        "invalid value for option \"include\": expected values that the stream server includes ([ 'previous' ]), got: [ 'value' ]",
      ),
    );
    await tree.sup.startChild(poolOf(tree.users, () => {}, { include: ["previous"] as never }));
  });

  test("fails with GroupBusyError when another pool reads for the group", async () => {
    const notes = new Notes();
    await using tree = await Tree.start({
      stream: { partitions: 2 },
      children: (users) => [poolOf(users, notes.note)],
    });
    const error = await failure(
      tree.sup.startChild(poolOf(tree.users, () => {}, { id: "second", group: "users:handlers" })),
    );
    const worker = (error as SupervisorError).cause as SupervisorError;
    expect(worker).toMatchObject({ reason: "failed_to_start_child", childId: "second:0" });
    expect(worker.cause).toBeInstanceOf(GroupBusyError);
    expect(worker.cause).toMatchObject({ group: "users:handlers", partition: 0 });
    // The first is not affected.
    putKeys(tree.users, 0, 10);
    await whenIdle(tree.users);
    expect(notes.messages).toHaveLength(10);
  });

  test("gives pools with groups of their own the same events, each at its own pace", async () => {
    const [fast, slow] = [new Notes(), new Notes()];
    const gate = new Gate();
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(users, fast.note, { id: "fast" }),
        poolOf(
          users,
          async (event) => {
            await gate.promise;
            slow.note(event);
          },
          { id: "slow", group: "other" },
        ),
      ],
    });
    putKeys(tree.users, 0, 10);
    await until(() => fast.messages.length === 10);
    expect(slow.messages).toEqual([]);
    gate.open();
    await whenIdle(tree.users);
    expect(slow.lines).toEqual(fast.lines);
  });

  test("of an instance's pool has the instance in its id", async () => {
    const users = defineCache<string, number>({ name: "users" });
    const notes = new Notes();
    const sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        users.childSpec({ name: "tenant" }),
        streamServer({ cache: users, name: "tenant" }),
        handlerPool({ cache: users, name: "tenant", handler: notes.note }),
      ],
    });
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual([
      "tenant",
      "tenant:stream",
      "tenant:handlers",
    ]);
    users.instance("tenant").put("a", 1);
    await whenIdle(users.instance("tenant"));
    expect(notes.lines).toEqual(["inserted a"]);
    await sup.stop();
  });
});

describe("options of a pool", () => {
  const users = defineCache<string, number>({ name: "users" });
  const handler = (): void => {};

  test.each([
    [{ handler: undefined }, "handler"],
    [{ handler: {} }, "handle"],
    [{ handler: { handle: handler, init: 1 } }, "init"],
    [{ handler: { handle: handler, onGap: 1 } }, "onGap"],
    [{ onError: "ignore" }, "onError"],
    [{ maxAttempts: 0 }, "maxAttempts"],
    [{ maxAttempts: 1.5 }, "maxAttempts"],
    [{ onDeadLetter: 1 }, "onDeadLetter"],
    [{ overflow: "drop" }, "overflow"],
    [{ concurrency: 0 }, "concurrency"],
    [{ events: [] }, "events"],
    [{ id: "" }, "id"],
    [{ group: "" }, "group"],
    [{ name: "a:b" }, "name"],
    [{ partitions: 0 }, "partitions"],
    [{ maxRestarts: -1 }, "maxRestarts"],
    [{ maxSeconds: -1 }, "maxSeconds"],
    [{ shutdown: -1 }, "shutdown"],
    [{ backoffInitial: -1 }, "backoffInitial"],
    [{ backoffInitial: 10, backoffMax: 5 }, "backoffMax"],
    [{ cache: {} }, "cache"],
    [{ retries: 3 }, "retries"],
  ])("%p is refused when the spec is made, by the name %s", (options, option) => {
    const make = () => handlerPool({ cache: users, handler, ...options } as never);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(expect.objectContaining({ option }));
  });
});
