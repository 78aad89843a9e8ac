import { expect, test } from "@jest/globals";
import { slotOf } from "../../src/cache/cache-handle.js";
import { tap } from "../../src/cache/listener.js";
import type { EventListener } from "../../src/cache/types.js";
import { defineCache } from "../../src/cache/define-cache.js";
import { Listener } from "../helpers/actors.js";
import { startCache } from "../helpers/caches.js";

/** A listener with a tap that does `fn` with each key. */
function tapOf(fn: (key: unknown) => void): EventListener {
  const recorder = {
    entry: (_type: unknown, _cause: unknown, key: unknown) => fn(key),
    entries: fn,
    query: fn,
  };
  return Object.assign(() => {}, { [tap]: recorder });
}

test("several taps get each change, in order, whatever one of them throws", async () => {
  const cache = defineCache<string, number>({ name: "several-taps" });
  await startCache(cache);
  const { emitter } = slotOf(cache).running as NonNullable<ReturnType<typeof slotOf>["running"]>;
  using errors = new Listener<{ error: unknown }>("nebulex.cache.listener_error");
  const lines: string[] = [];
  const error = new Error("tap");
  const first = tapOf((key) => {
    lines.push(`first ${String(key)}`);
    if (key === "x") cache.put("y", 2);
    if (key === "y") throw error;
  });
  const second = tapOf((key) => void lines.push(`second ${String(key)}`));
  emitter.register(first, {});
  emitter.register(second, {});
  cache.put("x", 1);
  expect(lines).toEqual(["first x", "second x", "first y", "second y"]);
  expect(errors.messages).toEqual([expect.objectContaining({ error, id: first })]);
  cache.registerEventListener((event) => void lines.push(`event ${event.command}`));
  emitter.unregister(first);
  cache.put("z", 1);
  expect(lines.slice(4)).toEqual(["second z", "event put"]);
});

test("a tap that ends another one keeps the current change from it", async () => {
  const cache = defineCache<string, number>({ name: "ending-taps" });
  await startCache(cache);
  const { emitter } = slotOf(cache).running as NonNullable<ReturnType<typeof slotOf>["running"]>;
  const lines: string[] = [];
  const second = tapOf(() => void lines.push("second"));
  emitter.register(
    tapOf(() => {
      lines.push("first");
      emitter.unregister(second);
    }),
    {},
  );
  emitter.register(second, {});
  cache.put("x", 1);
  expect(lines).toEqual(["first"]);
});
