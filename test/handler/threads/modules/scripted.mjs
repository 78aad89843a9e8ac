// Does with each event what its value says, after it has written down that it was given it.
import { appendFileSync, existsSync, statSync } from "node:fs";
import { threadId } from "node:worker_threads";
import { setTimeout as delay } from "node:timers/promises";

const log = new URL(import.meta.url).searchParams.get("log");

function note(entry) {
  appendFileSync(log, `${JSON.stringify({ thread: threadId, ...entry })}\n`);
}

const forever = () => new Promise(() => {});

/** How often the test has let a handler go on. */
const releases = () => (existsSync(`${log}.released`) ? statSync(`${log}.released`).size : 0);

/** How many events have been begun. */
let begun = 0;

const deeds = {
  throw: () => {
    throw new RangeError("thrown");
  },
  throwRich: () => {
    class PaymentError extends Error {
      name = "PaymentError";
      code = "E_PAYMENT";
    }
    throw new PaymentError("declined", { cause: new Error("no funds") });
  },
  throwUncloneable: () => {
    throw Object.assign(new Error("odd"), { fn: () => {} });
  },
  reject: async () => {
    await delay(1);
    throw new RangeError("rejected");
  },
  exit: () => process.exit(7),
  exitLater: async () => {
    await delay(1);
    process.exit(7);
  },
  uncaught: () => {
    setTimeout(() => {
      throw new Error("uncaught");
    });
    return forever();
  },
  unhandled: () => {
    void Promise.reject(new Error("unhandled"));
    return forever();
  },
  // Returns, and breaks the thread once the next event has begun.
  leaveBomb: () => {
    const own = begun;
    setInterval(() => {
      if (begun > own) throw new Error("bomb");
    }, 1);
  },
  memory: () => {
    const hoard = [];
    for (;;) hoard.push(Array.from({ length: 100_000 }, () => ({})));
  },
  memoryLater: async () => {
    await delay(1);
    deeds.memory();
  },
  spin: () => {
    note({ call: "stuck" });
    for (;;);
  },
  spinLater: async () => {
    await delay(1);
    deeds.spin();
  },
  hang: () => {
    note({ call: "stuck" });
    return forever();
  },
  pause: (ms) => delay(ms),
  // Until the next event has begun, and the event loop has turned.
  awaitNext: async () => {
    const own = begun;
    while (begun === own) await delay(1);
  },
  // Keeps the thread until the test lets it go on.
  held: () => {
    const before = releases();
    note({ call: "stuck" });
    while (releases() === before);
  },
  post: async () => {
    const { parentPort } = await import("node:worker_threads");
    parentPort.postMessage(null);
    parentPort.postMessage("hello");
  },
};

export default {
  init(ctx) {
    note({ call: "init", partition: ctx.partition });
    return { count: 0 };
  },
  async handle(event, state, ctx) {
    begun++;
    const count = ++state.count;
    const { partition, attempt } = ctx;
    note({
      call: "handle",
      key: event.target.key,
      sequence: event.metadata.sequence,
      partition,
      attempt,
      count,
    });
    const { do: deed, attempts = Infinity, with: argument } = event.value ?? {};
    if (deed !== undefined && attempt <= attempts) await deeds[deed](argument);
    note({ call: "handled", key: event.target.key, partition });
  },
  onGap(gap, state, ctx) {
    note({ call: "gap", reason: gap.reason, from: gap.from, to: gap.to, partition: ctx.partition });
  },
  terminate(reason, state, ctx) {
    note({
      call: "terminate",
      reason: String(reason),
      partition: ctx.partition,
      count: state.count,
    });
  },
};
