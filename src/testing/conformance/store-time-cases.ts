import assert from "node:assert/strict";
import type { StoreCase, StoreLab } from "./store-lab.js";

/** A TTL that no case waits for. */
const long = 3_600_000;

/** Fails unless a TTL is `ttl`, of which some has passed. */
function assertLeft(left: number | null | undefined, ttl: number): void {
  assert.ok(typeof left === "number" && left > 0 && left <= ttl, `${left} of ${ttl} ms is left`);
}

async function untilExpired(lab: StoreLab, count = 1): Promise<void> {
  const expired = (): boolean =>
    lab.events.filter(({ type }) => type === "expired").length >= count;
  await lab.until(expired, `${count} expired events`);
}

/** TTLs, and what `fetchOrStore` does with them. @internal */
export const storeTimeCases: readonly StoreCase[] = [
  [
    "an entry is gone at its TTL, for all commands",
    async (lab) => {
      const { cache, ttl } = lab;
      await cache.put("k", 1, { ttl });
      await cache.put("stays", 2);
      await lab.pass(ttl);
      assert.equal(await cache.get("k"), undefined);
      assert.equal(await cache.has("k"), false);
      assert.equal(await cache.ttl("k"), undefined);
      assert.deepEqual(await cache.getAll(), new Map([["stays", 2]]));
      assert.equal((await cache.getAll({ keys: ["k"] })).size, 0);
      assert.equal(await cache.countAll(), 1);
      assert.equal((await cache.info()).entries, 1);
      const streamed: unknown[] = [];
      for await (const entry of cache.stream()) streamed.push(entry);
      assert.deepEqual(streamed, [["stays", 2]]);
    },
  ],
  [
    "an entry that is not read expires within a second, with one event",
    async (lab) => {
      const { cache, ttl } = lab;
      await cache.put("k", 1, { ttl });
      await cache.putAll(
        [
          ["a", 2],
          ["b", 3],
        ],
        { ttl },
      );
      lab.take();
      await untilExpired(lab, 3);
      assert.deepEqual(lab.take().sort(), ["expired a < 2", "expired b < 3", "expired k < 1"]);
      await cache.get("k");
      await cache.delete("a");
      lab.expectEvents();
      assert.equal((await cache.info()).expirations, 3);
    },
  ],
  [
    "commands that find an entry due treat it as gone: it expires first",
    async (lab) => {
      const { cache, ttl } = lab;
      const commands: [string, () => Promise<unknown>, unknown, string?][] = [
        ["put", () => cache.put("put", 2), undefined, "inserted put put 2"],
        ["putNew", () => cache.putNew("putNew", 2), true, "inserted putNew putNew 2"],
        ["replace", () => cache.replace("replace", 2), false],
        ["increment", () => cache.increment("increment", 5), 5, "inserted increment increment 5"],
        ["update", () => cache.update("update", 7, () => 0), 7, "inserted update update 7"],
        ["delete", () => cache.delete("delete"), false],
        ["take", () => cache.take("take"), undefined],
        ["touch", () => cache.touch("touch"), false],
        ["expire", () => cache.expire("expire", long), false],
        [
          "getOrStore",
          () => cache.getOrStore("getOrStore", () => 8),
          8,
          "inserted getOrStore getOrStore 8",
        ],
      ];
      for (const [key] of commands) await cache.put(key, 1, { ttl });
      lab.take();
      await lab.pass(ttl);
      for (const [key, command, answer] of commands) assert.equal(await command(), answer, key);
      await untilExpired(lab, commands.length);
      const events = lab.take();
      for (const [key, , , inserted] of commands) {
        const own = events.filter(
          (line) => line.startsWith(`expired ${key} `) || line === inserted,
        );
        const last = inserted === undefined ? [] : [inserted];
        assert.deepEqual(own, [`expired ${key} < 1`, ...last]);
      }
    },
  ],
  [
    "a put without a TTL ends the one that there was",
    async (lab) => {
      const { cache, ttl } = lab;
      await cache.put("k", 1, { ttl });
      await cache.put("k", 2);
      await cache.put("l", 1, { ttl });
      assert.equal(await cache.ttl("k"), null);
      await untilExpired(lab);
      assert.equal(await cache.get("k"), 2);
    },
  ],
  [
    "increment and update keep the TTL of an entry",
    async (lab) => {
      const { cache } = lab;
      await cache.put("n", 1, { ttl: long });
      await cache.put("u", 1, { ttl: long });
      await cache.increment("n");
      await cache.update("u", 0, (value) => (value as number) + 1);
      for (const key of ["n", "u"]) {
        assert.equal(await cache.get(key), 2);
        assertLeft(await cache.ttl(key), long);
      }
      await cache.increment("m", 1, { ttl: long });
      assertLeft(await cache.ttl("m"), long);
    },
  ],
  [
    "expire sets a TTL, or ends it",
    async (lab) => {
      const { cache, ttl } = lab;
      await cache.put("k", 1);
      assert.equal(await cache.expire("k", long), true);
      assertLeft(await cache.ttl("k"), long);
      assert.equal(await cache.expire("k", null), true);
      assert.equal(await cache.ttl("k"), null);
      assert.equal(await cache.expire("n", long), false);
      await cache.expire("k", ttl);
      await untilExpired(lab);
      assert.equal(await cache.has("k"), false);
    },
  ],
  [
    "touch restarts the TTL that an entry has",
    async (lab) => {
      const { cache, ttl } = lab;
      await cache.put("k", 1, { ttl: long });
      await lab.pass(ttl);
      const before = (await cache.ttl("k")) as number;
      lab.take();
      assert.equal(await cache.touch("k"), true);
      const after = (await cache.ttl("k")) as number;
      assert.ok(after > before, `${after} ms is left, and ${before} ms was`);
      lab.expectEvents("updated touch k 1 < 1");
    },
  ],
  [
    "fetchOrStore stores with the TTL that a function gives for the value",
    async (lab) => {
      const { cache, ttl } = lab;
      await cache.fetchOrStore("short", () => ttl, { ttl: (value) => value as number });
      await cache.fetchOrStore("long", () => long, { ttl: (value) => value as number });
      await untilExpired(lab);
      assert.deepEqual([await cache.has("short"), await cache.has("long")], [false, true]);
      assertLeft(await cache.ttl("long"), long);
    },
  ],
  [
    "a TTL goes on when the instance is started again",
    async (lab) => {
      const { cache, ttl } = lab;
      await cache.put("k", 1, { ttl });
      await lab.restart();
      await lab.pass(ttl);
      assert.equal(await cache.get("k"), undefined);
    },
  ],
];

/** `staleFor`, for stores that keep stale values. @internal */
export const storeStaleCases: readonly StoreCase[] = [
  [
    "fetchOrStore answers a value that is stale at once, and refreshes it once",
    async (lab) => {
      const { cache, ttl } = lab;
      const options = { ttl, staleFor: long };
      let loads = 0;
      let open = (): void => {};
      const gate = new Promise<void>((resolve) => (open = resolve));
      const load = async (): Promise<number> => {
        loads++;
        if (loads > 1) await gate;
        return loads;
      };
      assert.equal(await cache.fetchOrStore("k", load, options), 1);
      await untilExpired(lab);
      for (let time = 0; time < 3; time++)
        assert.equal(await cache.fetchOrStore("k", load, options), 1);
      assert.deepEqual([await cache.get("k"), await cache.has("k")], [undefined, false]);
      assert.equal(loads, 2);
      lab.take();
      open();
      const isRefreshed = (): boolean => lab.events.some(({ value }) => value === 2);
      await lab.until(isRefreshed, "the value to be refreshed");
      assert.equal(lab.take()[0], "inserted fetchOrStore k 2");
    },
  ],
  [
    "a stale value is not answered without staleFor, nor after a write or a delete",
    async (lab) => {
      const { cache, ttl } = lab;
      const options = { ttl, staleFor: long };
      for (const key of ["plain", "put", "delete", "invalidate", "all"])
        await cache.fetchOrStore(key, () => "old", options);
      await untilExpired(lab, 5);
      await cache.put("put", "newer", { ttl });
      await cache.delete("delete");
      await cache.invalidate("invalidate");
      await cache.deleteAll({ keys: ["all"] });
      await untilExpired(lab, 6);
      assert.equal(await cache.fetchOrStore("plain", () => "new"), "new");
      for (const key of ["put", "delete", "invalidate", "all"])
        assert.equal(await cache.fetchOrStore(key, () => "new", options), "new", key);
    },
  ],
];
