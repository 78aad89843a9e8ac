import { expect, test } from "@jest/globals";
import {
  createHub,
  createSystem,
  defineCache,
  handlerPool,
  invalidator,
  localPubSub,
  startSupervisor,
  streamServer,
} from "../../src/index.js";
import { SimulatedClock } from "../../src/testing.js";
import { nextTurn } from "../../src/timers.js";
import { Listener } from "../helpers/actors.js";

const shutdown = 1000;
const partitions = 3;

function tree(handle: () => unknown, stopped: string[] = []) {
  const clock = new SimulatedClock();
  const system = createSystem({ name: "shutdown", clock });
  const cache = defineCache<number, number>({ name: "users" });
  const pubsub = localPubSub({ hub: createHub(), nodeName: "a" });
  pubsub.onStatus((status) => stopped.push(`pubsub ${status}`));
  const started = startSupervisor({
    system,
    strategy: "rest_for_one",
    children: [
      pubsub,
      cache,
      streamServer({ cache, pubsub, partitions, hash: (event) => Number(keyOf(event)) }),
      invalidator({ cache, shutdown }),
      handlerPool({ cache, shutdown, handler: { handle } }),
    ],
  });
  return { clock, cache, started };
}

const keyOf = ({ target }: { target: { kind: string; key?: unknown } }): unknown => target.key;

async function begun({ clock, started }: ReturnType<typeof tree>) {
  let handle: Awaited<typeof started> | undefined;
  void started.then((it) => (handle = it));
  while (handle === undefined) await clock.advance(50);
  return handle;
}

test("stops what is written last first: pools handle their logs, the stream says goodbye, the pubsub closes", async () => {
  const order: string[] = [];
  const it = tree(() => order.push("handled"), order);
  using stopped = new Listener<{ name: string }>("nebulex.streams.listener_unregistered");
  using ended = new Listener<{ name: string }>("nebulex.streams.invalidator.stopped");
  const handle = await begun(it);
  order.length = 0;
  for (let key = 0; key < partitions; key++) it.cache.put(key, 1);
  const stop = handle.stop("normal").then(() => order.push("stopped"));
  while (!order.includes("stopped")) await it.clock.advance(10);
  await stop;
  expect(order).toEqual(["handled", "handled", "handled", "pubsub closed", "stopped"]);
  expect(ended.messages).toHaveLength(partitions);
  expect(stopped.messages).toHaveLength(1);
});

test("takes, where handlers hang, the shutdown of each worker, one after the other", async () => {
  const it = tree(() => new Promise(() => {}));
  using left = new Listener<{ count: number }>("nebulex.streams.undelivered");
  const handle = await begun(it);
  for (let key = 0; key < partitions; key++) it.cache.put(key, 1);
  await nextTurn();
  let isStopped = false;
  const begin = it.clock.now();
  const stop = handle.stop("normal").then(() => (isStopped = true));
  while (!isStopped) await it.clock.advance(shutdown / 4);
  await stop;
  const took = it.clock.now() - begin;
  expect(took).toBeGreaterThanOrEqual(partitions * shutdown);
  expect(took).toBeLessThan((partitions + 1) * shutdown);
  expect(left.messages.map(({ count }) => count)).toEqual([1, 1, 1]);
});
