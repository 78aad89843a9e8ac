import { describe, expect, test } from "@jest/globals";
import {
  createSystem,
  defineCache,
  getStream,
  lookupStream,
  startSupervisor,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { Notes, Tree } from "../helpers/streams.js";

const one = { strategy: "one_for_one" } as const;
const define = (name = "users") => defineCache<string, number>({ name });

describe("streams of instances and systems", () => {
  test("have their own name, log and server for each dynamic instance", async () => {
    const users = define();
    const tenant = users.instance("tenant");
    const sup = await startSupervisor({
      ...one,
      children: [
        users,
        users.childSpec({ name: "tenant" }),
        streamServer({ cache: users }),
        streamServer({ cache: users, name: "tenant", partitions: 2 }),
      ],
    });
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual([
      "users",
      "tenant",
      "users:stream",
      "tenant:stream",
    ]);
    expect(getStream(tenant)).toMatchObject({ cache: "users", name: "tenant", partitions: 2 });
    expect(getStream(users, "tenant").epoch).toBe(getStream(tenant).epoch);
    expect(getStream(users)).toMatchObject({ cache: "users", name: "users", partitions: null });
    expect(lookupStream(users, "nobody")).toBeUndefined();
    expect(() => getStream(users, "nobody")).toThrow("stream server not found: nobody");
    const [own, theirs] = [new Notes(), new Notes()];
    users.subscribe(own.note);
    const subscription = tenant.subscribe(theirs.note, { partition: 1, events: ["inserted"] });
    expect(subscription.topics).toEqual(["tenant:1:inserted"]);
    subscription.unsubscribe();
    tenant.subscribe(theirs.note, { partition: "all" });
    tenant.put("t", 1);
    users.put("u", 1);
    await whenIdle(users);
    await whenIdle(tenant);
    expect([own.lines, theirs.lines]).toEqual([["inserted u"], ["inserted t"]]);
    expect(theirs.events[0]).toMatchObject({ cache: "users", name: "tenant" });
    expect(theirs.events[0]?.metadata.topic).toMatch(/^tenant:[01]:inserted$/);
    await sup.stop();
  });

  test("of two caches of one name are two streams", async () => {
    await using a = await Tree.start({ system: createSystem({ name: "a" }) });
    await using b = await Tree.start({ system: createSystem({ name: "b" }) });
    const [inA, inB] = [new Notes(), new Notes()];
    a.users.subscribe(inA.note);
    b.users.subscribe(inB.note);
    a.users.put("a", 1);
    b.users.put("b", 1);
    await Promise.all([whenIdle(a.users), whenIdle(b.users)]);
    expect([inA.lines, inB.lines]).toEqual([["inserted a"], ["inserted b"]]);
    expect(getStream(a.users).epoch).not.toBe(getStream(b.users).epoch);
  });

  test("begin anew when the same cache is started in another system", async () => {
    const users = define();
    const first = await Tree.start({ cache: users, system: createSystem() });
    const notes = new Notes();
    users.subscribe(notes.note, { gaps: true });
    users.put("a", 1);
    await whenIdle(users);
    await first.sup.stop();
    await using second = await Tree.start({ cache: users, system: createSystem() });
    second.users.put("b", 1);
    await whenIdle(users);
    expect(notes.lines).toEqual(["inserted a", "gap stream_restarted 1..0", "inserted b"]);
  });
});
