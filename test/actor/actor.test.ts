import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import {
  type ActorContext,
  ActorExitError,
  type ActorRef,
  type ActorSystem,
  createSystem,
  type ExitReason,
  OptionError,
  QueryTimeoutError,
  type ReplyTo,
  spawn,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Gate, Listener, Log, rest, until } from "../helpers/actors.js";

const never = (): Promise<never> => new Promise(() => {});
const ignore = (): void => {};

/** Not a promise, but can be awaited. */
class PromiseLikeValue<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is for
  then(resolve: (value: T) => void): void {
    resolve(this.#value);
  }
}

const promiseLike = <T>(value: T): PromiseLikeValue<T> => new PromiseLikeValue(value);

let clock: SimulatedClock;
let system: ActorSystem;
beforeEach(() => {
  clock = new SimulatedClock();
  system = createSystem({ clock });
});
afterEach(async () => {
  await system.stop();
});

function reasonOf(ref: ActorRef<never>): Promise<ExitReason> {
  return new Promise((resolve) => {
    ref.monitor(({ reason }) => resolve(reason));
  });
}

describe("init", () => {
  test.each([
    ["at once", () => 7],
    ["later", async () => nextTurn(7)],
    ["with something like a promise", () => promiseLike(7)],
  ])("makes the first state %s", async (_name, init) => {
    const ref = await spawn<number, ReplyTo<number>>(system, {
      init: init as () => number,
      receive: (state, reply) => reply.dispatch(state),
    });
    expect(await ref.query((reply: ReplyTo<number>) => reply, 100)).toBe(7);
  });

  test("is not needed: the state is undefined then", async () => {
    const ref = await spawn<undefined, ReplyTo<unknown>>(system, {
      receive: (state, reply) => reply.dispatch(state),
    });
    expect(await ref.query((reply: ReplyTo<unknown>) => reply, 100)).toBeUndefined();
  });

  test.each([
    [
      "throws",
      (): void => {
        throw new Error("no");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no"))],
  ])(
    "that %s fails the spawn, and the actor ends with the error, without a clean-up",
    async (_name, init) => {
      let self: ActorRef<unknown> | undefined;
      let cleaned = false;
      const spawned = spawn(system, {
        init: (ctx) => {
          self = ctx.self;
          return init();
        },
        receive: ignore,
        terminate: () => {
          cleaned = true;
        },
      });
      expect(await failure(spawned)).toEqual(new Error("no"));
      expect(self?.alive).toBe(false);
      await rest();
      expect(cleaned).toBe(false);
    },
  );

  test("comes before all messages, and spawn settles after it", async () => {
    const seen: string[] = [];
    const gate = new Gate();
    const spawned = spawn<string, string>(system, {
      init: async (ctx) => {
        ctx.self.dispatch("to itself");
        await gate.promise;
        seen.push("init");
        return "";
      },
      receive: (_state, message) => void seen.push(message),
    });
    void spawned.then(() => seen.push("spawned"));
    await rest();
    expect(seen).toEqual([]);
    gate.open();
    await rest();
    expect(seen[0]).toBe("init");
    expect(seen.slice(1).sort()).toEqual(["spawned", "to itself"]);
  });

  test("a stop while it runs is obeyed when it is done", async () => {
    const gate = new Gate();
    const log = new Log();
    let self: ActorRef<never> | undefined;
    const spawned = spawn(
      system,
      log.behavior("a", {
        init: async (ctx) => {
          self = ctx.self;
          return gate.promise.then(() => "a");
        },
      }),
    );
    await until(() => self !== undefined);
    const stopped = self?.stop("enough");
    gate.open();
    await Promise.all([spawned, stopped]);
    expect(log.take()).toEqual(["+a", "-a:enough"]);
  });

  test("a kill while it runs fails the spawn, and fences its late result", async () => {
    const gate = new Gate();
    const log = new Log();
    let ctx: ActorContext<never> | undefined;
    const spawned = failure(
      spawn(
        system,
        log.behavior("a", {
          init: async (context) => {
            ctx = context as ActorContext<never>;
            return gate.promise.then(() => "a");
          },
        }),
      ),
    );
    await until(() => ctx !== undefined);
    await ctx?.self.kill();
    expect(await spawned).toMatchObject({ code: "E_ACTOR_EXIT", reason: "killed" });
    gate.open();
    await rest();
    expect(ctx?.self.alive).toBe(false);
  });

  test("a failed spawn that is not awaited is no unhandled rejection", async () => {
    void spawn(system, {
      init: () => {
        throw new Error("unseen");
      },
      receive: ignore,
    });
    const parent = await spawn(system, {
      init: (ctx) => void ctx.spawn({ init: never, receive: ignore }),
      receive: ignore,
    });
    await parent.kill();
    await rest();
    expect(parent.alive).toBe(false);
  });
});

describe("receive", () => {
  test("handles messages one at a time, in order, whether it is asynchronous or not", async () => {
    const seen: string[] = [];
    let running = 0;
    const ref = await spawn<undefined, number>(system, {
      receive: async (_state, n) => {
        expect(++running).toBe(1);
        if (n % 3 === 0) await nextTurn();
        seen.push(`${n}`);
        running--;
      },
    });
    for (let n = 0; n < 10; n++) ref.dispatch(n);
    await until(() => seen.length === 10);
    expect(seen.join("")).toBe("0123456789");
  });

  test("gives the next state; undefined keeps it", async () => {
    const ref = await spawn<number, number | ReplyTo<number>>(system, {
      init: () => 1,
      receive: (state, message) => {
        if (typeof message === "number") return message === 0 ? undefined : state + message;
        message.dispatch(state);
        return undefined;
      },
    });
    const state = (): Promise<number> => ref.query((reply: ReplyTo<number>) => reply, 100);
    for (const message of [5, 0]) ref.dispatch(message);
    expect(await state()).toBe(6);
  });

  test("undefined keeps the state after a promise, too; null and 0 are states", async () => {
    type Message = { next: unknown } | { reply: ReplyTo<unknown> };
    const ref = await spawn<unknown, Message>(system, {
      init: () => "first",
      receive: async (state, message) => {
        if ("next" in message) return message.next;
        message.reply.dispatch(state);
        return undefined;
      },
    });
    const after = (next: unknown): Promise<unknown> => {
      ref.dispatch({ next });
      return ref.query((reply: ReplyTo<unknown>) => ({ reply }), 100);
    };
    expect([await after(undefined), await after(null), await after(0)]).toEqual(["first", null, 0]);
  });

  test.each([
    [
      "throws",
      (): void => {
        throw new Error("no");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no"))],
  ])("that %s ends the actor with the error; what is queued is lost", async (_name, fail) => {
    const seen: unknown[] = [];
    const ref = await spawn<string, string>(system, {
      init: () => "state",
      receive: (_state, message) => {
        seen.push(message);
        if (message === "fail") return fail() as never;
        return undefined;
      },
      terminate: (reason, state) => void seen.push(reason, state),
    });
    const reason = reasonOf(ref);
    for (const message of ["a", "fail", "b"]) ref.dispatch(message);
    expect(await reason).toEqual(new Error("no"));
    expect(seen).toEqual(["a", "fail", new Error("no"), "state"]);
    expect(ref.alive).toBe(false);
  });

  test("a flood of messages leaves the event loop its turns", async () => {
    let handled = 0;
    const flooded = await spawn<undefined, string>(system, {
      receive: (_state, message, ctx) => {
        handled++;
        ctx.self.dispatch(message);
      },
    });
    flooded.dispatch("again");
    for (let turn = 0; turn < 5; turn++) await nextTurn();
    expect(handled).toBeGreaterThan(1000);
    await flooded.kill();
  });
});

describe("dispatch to a dead actor", () => {
  test("is dropped, and never reaches a later one of the same name", async () => {
    const log = new Log();
    const first = await spawn(system, log.behavior("a"), { name: "a" });
    await first.stop();
    const second = await spawn(system, log.behavior("a"), { name: "a" });
    first.dispatch("crash");
    await rest();
    expect(second.alive).toBe(true);
    expect([first.path, second.path, first === second]).toEqual(["/system/a", "/system/a", false]);
  });
});

describe("stop", () => {
  test("the current message is finished, then the clean-up runs, then the actor is dead", async () => {
    const seen: string[] = [];
    const gates = [new Gate(), new Gate()] as const;
    const ref = await spawn<undefined, string>(system, {
      receive: async () => {
        await gates[0].promise;
        seen.push("handled");
      },
      terminate: async (reason) => {
        seen.push(`terminate ${String(reason)}`);
        await gates[1].promise;
      },
    });
    for (const message of ["1", "2", "3"]) ref.dispatch(message);
    await rest();
    const stopped = ref.stop("enough").then(() => seen.push("stopped"));
    await rest();
    expect(seen).toEqual([]);
    gates[0].open();
    await rest();
    expect(seen).toEqual(["handled", "terminate enough"]);
    expect(ref.alive).toBe(true);
    gates[1].open();
    await stopped;
    expect(seen).toEqual(["handled", "terminate enough", "stopped"]);
    expect(ref.alive).toBe(false);
  });

  test("finishes the current message, drops the rest, cleans up once with the reason and the last state", async () => {
    const gate = new Gate();
    const seen: unknown[] = [];
    const ref = await spawn<string[], string>(system, {
      init: () => [],
      receive: async (state, message) => {
        await gate.promise;
        return [...state, message];
      },
      terminate: (reason, state) => void seen.push(reason, state),
    });
    for (const message of ["current", "dropped"]) ref.dispatch(message);
    await rest();
    const stops = [ref.stop({ shutdown: "first" }), ref.stop("second")];
    expect(ref.alive).toBe(true);
    gate.open();
    await Promise.all(stops);
    await ref.stop();
    expect(seen).toEqual([{ shutdown: "first" }, ["current"]]);
  });

  test("takes reasons of any kind, as they are", async () => {
    const frozen = Object.freeze({ why: "frozen" });
    const plain = [Symbol("why"), null, 0, false, "", Number.NaN];
    for (const reason of [...plain, frozen, () => {}, new Error("e")]) {
      const ref = await spawn(system, { receive: ignore });
      const received = reasonOf(ref);
      await ref.stop(reason);
      expect(await received).toBe(reason);
    }
  });

  test("overtakes the mailbox", async () => {
    let handled = 0;
    const ref = await spawn(system, { receive: () => void handled++ });
    for (let n = 0; n < 1000; n++) ref.dispatch(n);
    await ref.stop();
    expect(handled).toBe(0);
  });

  test("has the reason normal by default, settles for everyone, and the first reason holds", async () => {
    const ref = await spawn(system, { receive: ignore });
    const reason = reasonOf(ref);
    await Promise.all([ref.stop(), ref.stop("other")]);
    await ref.stop();
    expect(await reason).toBe("normal");
  });

  test.each([
    [
      "throws",
      (): void => {
        throw new Error("no");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no"))],
  ])("a clean-up that %s gives its error as the reason", async (_name, terminate) => {
    const ref = await spawn(system, { receive: ignore, terminate });
    const reason = reasonOf(ref);
    await ref.stop();
    expect(await reason).toEqual(new Error("no"));
  });

  test("with a timeout: the actor is killed when that has passed", async () => {
    const ref = await spawn(system, { receive: ignore, terminate: never });
    const reason = reasonOf(ref);
    const stopped = ref.stop("normal", 500);
    await clock.advance(499);
    expect(ref.alive).toBe(true);
    await clock.advance(1);
    await stopped;
    expect(await reason).toBe("killed");
  });

  test("with a timeout that is not needed: no timer stays behind", async () => {
    const ref = await spawn(system, { receive: ignore });
    await ref.stop("normal", 500);
    expect(clock.pending).toBe(0);
  });

  test("a second stop may set the limit that the first had not", async () => {
    const ref = await spawn(system, { receive: never });
    ref.dispatch("hang");
    await rest();
    const first = ref.stop();
    const second = ref.stop("normal", 10);
    await clock.advance(10);
    await Promise.all([first, second]);
    expect(ref.alive).toBe(false);
  });

  test.each([-1, Number.NaN, "5", Infinity, null])("refuses a timeout of %p", async (timeout) => {
    const ref = await spawn(system, { receive: ignore });
    expect(() => ref.stop("normal", timeout as number)).toThrow(OptionError);
    expect(ref.alive).toBe(true);
  });

  test("ctx.stop ends the actor after the current message", async () => {
    const seen: string[] = [];
    const ref = await spawn<undefined, string>(system, {
      receive: (_state, message, ctx) => {
        seen.push(message);
        ctx.stop({ shutdown: "done" });
        seen.push("still here");
      },
      terminate: () => void seen.push("terminate"),
    });
    const reason = reasonOf(ref);
    for (const message of ["a", "b"]) ref.dispatch(message);
    expect(await reason).toEqual({ shutdown: "done" });
    expect(seen).toEqual(["a", "still here", "terminate"]);
  });
});

describe("kill", () => {
  test("is at once and without a clean-up", async () => {
    const log = new Log();
    const ref = await spawn(system, log.behavior("a"));
    const reason = reasonOf(ref);
    void ref.kill();
    expect(ref.alive).toBe(false);
    expect(await reason).toBe("killed");
    await ref.kill();
    await ref.stop();
    expect(log.take()).toEqual(["+a"]);
  });

  test.each(["a result", "an error"])(
    "a function that was running has no effect any more: its late %s is discarded",
    async (late) => {
      const gate = new Gate<string>();
      let ctx!: ActorContext<string>;
      let handled = 0;
      const ref = await spawn<string, string>(system, {
        receive: async (_state, _message, context) => {
          ctx = context;
          handled++;
          return gate.promise;
        },
      });
      for (const message of ["a", "b"]) ref.dispatch(message);
      await rest();
      const { signal } = ctx;
      expect(signal.aborted).toBe(false);
      void ref.kill();
      expect(signal.aborted).toBe(true);
      expect(signal.reason).toMatchObject({ code: "E_ACTOR_EXIT", reason: "killed" });
      if (late === "a result") gate.open("late");
      else gate.fail(new Error("late"));
      await rest();
      expect(handled).toBe(1);
    },
  );

  test("its ctx does nothing any more", async () => {
    let ctx!: ActorContext<string>;
    const other = await spawn(system, { receive: ignore });
    const ref = await spawn<undefined, string>(system, {
      init: (context) => {
        ctx = context;
      },
      receive: ignore,
    });
    await ref.kill();
    expect(() => ctx.register("key")).toThrow(
      expect.objectContaining({ code: "E_REGISTRY", reason: "noproc", ref }),
    );
    for (const late of [ctx.spawn({ receive: ignore }), spawn(ctx, { receive: ignore })])
      expect(await failure(late)).toMatchObject({ code: "E_ACTOR_EXIT", reason: "noproc" });
    const named = spawn(ctx, { receive: ignore }, { name: "late" });
    expect(await failure(named)).toMatchObject({ code: "E_ACTOR_EXIT", reason: "noproc" });
    let received = false;
    ctx.monitor(other, () => (received = true))();
    ctx.monitor(other, () => (received = true));
    ctx.stop("other");
    ctx.self.dispatch("late");
    await other.stop();
    await rest();
    expect(received).toBe(false);
    expect(ctx.signal.aborted).toBe(true);
    expect(system.registry.count()).toBe(0);
    expect([ctx.self, ctx.system]).toEqual([ref, system]);
  });

  test("of itself, in the middle of a message", async () => {
    const seen: string[] = [];
    const ref = await spawn<undefined, string>(system, {
      receive: (_state, message, ctx) => {
        seen.push(message);
        void ctx.self.kill();
        ctx.self.dispatch("again");
        throw new Error("discarded");
      },
    });
    const reason = reasonOf(ref);
    for (const message of ["a", "b"]) ref.dispatch(message);
    expect(await reason).toBe("killed");
    await rest();
    expect(seen).toEqual(["a"]);
  });

  test("in the middle of a clean-up", async () => {
    const gate = new Gate();
    const ref = await spawn(system, { receive: ignore, terminate: () => gate.promise });
    const stopped = ref.stop();
    await rest();
    const reason = reasonOf(ref);
    await ref.kill();
    await stopped;
    gate.fail(new Error("late"));
    expect(await reason).toBe("killed");
    await rest();
  });
});

describe("the signal of a context", () => {
  test.each(["stop", "kill", "crash"])("fires at the end, also after a %s", async (how) => {
    let signal!: AbortSignal;
    const ref = await spawn<undefined, string>(system, {
      init: (ctx) => {
        signal = ctx.signal;
      },
      receive: () => {
        throw new Error("crash");
      },
    });
    const reason = reasonOf(ref);
    if (how === "stop") void ref.stop();
    else if (how === "kill") void ref.kill();
    else ref.dispatch("crash");
    await reason;
    expect(signal.aborted).toBe(true);
  });
});

describe("monitors", () => {
  test("are called once, after the death, with the reason", async () => {
    const ref = await spawn(system, { receive: ignore });
    const received: unknown[] = [];
    ref.monitor((down) => received.push(down, ref.alive));
    await ref.stop("enough");
    await rest();
    expect(received).toEqual([{ ref, reason: "enough" }, false]);
  });

  test("of a dead actor get noproc, not inside the call", async () => {
    const ref = await spawn(system, { receive: ignore });
    await ref.stop();
    const received: unknown[] = [];
    ref.monitor((down) => received.push(down));
    expect(received).toEqual([]);
    await rest();
    expect(received).toEqual([{ ref, reason: "noproc" }]);
  });

  test("each is one of its own, and a cancelled one says nothing", async () => {
    const ref = await spawn(system, { receive: ignore });
    let received = 0;
    const count = (): void => void received++;
    for (let n = 0; n < 3; n++) ref.monitor(count);
    const cancel = ref.monitor(count);
    cancel();
    cancel();
    await ref.kill();
    await rest();
    expect(received).toBe(3);
    const late = ref.monitor(count);
    late();
    await rest();
    expect(received).toBe(3);
  });

  test("may be cancelled between the death and the call", async () => {
    const ref = await spawn(system, { receive: ignore });
    let received = 0;
    const cancel = ref.monitor(() => void received++);
    void ref.kill();
    cancel();
    await rest();
    expect(received).toBe(0);
  });

  test("of a watcher that has died are gone, and its death affects nothing", async () => {
    let received = 0;
    const ref = await spawn(system, { receive: ignore });
    const watcher = await spawn(system, {
      init: (ctx) => void ctx.monitor(ref, () => void received++),
      receive: ignore,
    });
    await watcher.stop();
    expect(ref.alive).toBe(true);
    await ref.stop();
    await rest();
    expect(received).toBe(0);
  });

  test("when one is called, the messages that the dead actor had sent have been delivered", async () => {
    const seen: string[] = [];
    const target = await spawn<undefined, ActorRef<string>>(system, {
      receive: (_state, watcher, ctx) => {
        watcher.dispatch("first");
        watcher.dispatch("second");
        ctx.stop();
      },
    });
    const watcher = await spawn<undefined, string>(system, {
      init: (ctx) => void ctx.monitor(target, () => seen.push("down")),
      receive: (_state, message) => void seen.push(message),
    });
    target.dispatch(watcher);
    await until(() => seen.includes("down"));
    expect(seen).toEqual(["first", "second", "down"]);
  });

  test("the registry no longer lists the dead", async () => {
    const ref = await spawn(system, { receive: ignore }, { name: "a" });
    let listed: unknown;
    ref.monitor(() => (listed = system.registry.lookup("a")));
    await ref.kill();
    await rest();
    expect(listed).toEqual([]);
  });

  test("of a context are called between two messages, and what their function returns is no state", async () => {
    const seen: string[] = [];
    const gate = new Gate();
    const target = await spawn(system, { receive: ignore });
    const ref = await spawn<string, string | ReplyTo<string>>(system, {
      init: (ctx) => {
        ctx.monitor(target, () => seen.push("down"));
        return "state";
      },
      receive: async (state, message) => {
        if (typeof message === "object") message.dispatch(state);
        else {
          await gate.promise;
          seen.push(message);
        }
      },
    });
    for (const message of ["a", "b"]) ref.dispatch(message);
    await rest();
    await target.stop();
    ref.dispatch("c");
    await rest();
    expect(seen).toEqual([]);
    gate.open();
    expect(await ref.query((reply: ReplyTo<string>) => reply, 100)).toBe("state");
    expect(seen).toEqual(["a", "b", "down", "c"]);
  });

  test("of a context: an error in the function is the actor's crash", async () => {
    const target = await spawn(system, { receive: ignore });
    const ref = await spawn(system, {
      init: (ctx) =>
        void ctx.monitor(target, () => {
          throw new Error("in the monitor");
        }),
      receive: ignore,
    });
    const reason = reasonOf(ref);
    await target.stop();
    expect(await reason).toEqual(new Error("in the monitor"));
  });

  test("one that throws harms neither the others nor the process", async () => {
    using reported = new Listener<object>("nebulex.actor.callback_error");
    const ref = await spawn(system, { receive: ignore });
    ref.monitor(() => {
      throw new Error("monitor");
    });
    const reason = reasonOf(ref);
    await ref.stop();
    expect(await reason).toBe("normal");
    await until(() => reported.messages.length === 1);
    expect(reported.messages[0]).toMatchObject({
      what: "monitor",
      error: new Error("monitor"),
      ref,
    });
  });

  test("take only functions", async () => {
    const ref = await spawn(system, { receive: ignore });
    expect(() => ref.monitor("fn" as never)).toThrow(OptionError);
  });
});

describe("query", () => {
  const echo = {
    receive: (_state: unknown, { value, reply }: { value: string; reply: ReplyTo<string> }): void =>
      reply.dispatch(value),
  };
  const ask =
    (value: string) =>
    (reply: ReplyTo<string>): { value: string; reply: ReplyTo<string> } => ({ value, reply });

  test("resolves with the first answer", async () => {
    const ref = await spawn(system, {
      receive: (_state: unknown, reply: ReplyTo<number>) => {
        reply.dispatch(1);
        reply.dispatch(2);
      },
    });
    expect(await ref.query((reply: ReplyTo<number>) => reply, 100)).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("resolves with undefined where that is the answer", async () => {
    const ref = await spawn(system, {
      receive: (_state: unknown, reply: ReplyTo<unknown>) => {
        reply.dispatch(undefined);
        reply.dispatch("second");
      },
    });
    expect(await ref.query((reply: ReplyTo<unknown>) => reply, 100)).toBeUndefined();
  });

  test("times out, also after more than 2^31 ms and not before, and a late answer is dropped", async () => {
    const replies: ReplyTo<string>[] = [];
    const ref = await spawn(system, {
      receive: (_state: unknown, { reply }: { reply: ReplyTo<string> }) => void replies.push(reply),
    });
    const short = failure(ref.query((reply: ReplyTo<string>) => ({ reply }), 100));
    const long = ref.query((reply: ReplyTo<string>) => ({ reply }), 2 ** 33);
    await clock.advance(100);
    expect(await short).toBeInstanceOf(QueryTimeoutError);
    expect(await short).toMatchObject({ code: "E_QUERY_TIMEOUT", timeout: 100 });
    for (const reply of replies) reply.dispatch("late");
    expect(await long).toBe("late");
    const unanswered = failure(ref.query((reply: ReplyTo<string>) => ({ reply }), 3e9));
    await clock.advance(3e9 - 1);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    expect(await unanswered).toMatchObject({ code: "E_QUERY_TIMEOUT", timeout: 3e9 });
  });

  test("does not fire at once when its time is longer than a timer of Node can be", async () => {
    const real = createSystem();
    const ref = await spawn(real, { receive: ignore });
    const asked = ref.query(() => "unanswered", 3e9);
    let settled = false;
    asked.catch(() => (settled = true));
    // Node makes 1 ms of a delay that is too long for it, and this timer is set after that one.
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect(settled).toBe(false);
    const stopped = ref.stop("normal", 3e9);
    await stopped;
    expect(await failure(asked)).toMatchObject({ reason: "normal" });
    await real.stop();
  });

  test("rejects at once when the actor is dead", async () => {
    const ref = await spawn(system, echo);
    await ref.stop();
    expect(await failure(ref.query(ask("a"), 100))).toMatchObject({
      code: "E_ACTOR_EXIT",
      reason: "noproc",
    });
  });

  test.each(["killed", "stopped", "crashed"])(
    "rejects when the actor is %s meanwhile",
    async (how) => {
      const crash = new Error("crash");
      const ref = await spawn<undefined, unknown>(system, {
        receive: (_state, message) => {
          if (message === "crash") throw crash;
          return how === "killed" ? never() : undefined;
        },
      });
      const asked = failure(ref.query(() => "unanswered", 100));
      await rest();
      if (how === "killed") void ref.kill();
      else if (how === "stopped") void ref.stop("enough");
      else ref.dispatch("crash");
      const error = await asked;
      expect(error).toBeInstanceOf(ActorExitError);
      expect(error).toMatchObject({
        code: "E_ACTOR_EXIT",
        reason: { killed: "killed", stopped: "enough", crashed: crash }[how],
      });
      expect((error as Error).cause).toBe(how === "crashed" ? crash : undefined);
      expect(clock.pending).toBe(0);
    },
  );

  test("checks what it is given; what make throws is the asker's", async () => {
    const ref = await spawn(system, echo);
    for (const timeout of [0, -1, Number.NaN, Infinity, undefined, null, "100"])
      expect(() => ref.query(ask("a"), timeout as number)).toThrow(
        expect.objectContaining({
          code: "E_OPTION",
          message: expect.stringMatching(/^invalid value for option "timeout": expected .+, got: /),
        }),
      );
    expect(() => ref.query("make" as never, 100)).toThrow(OptionError);
    const made = ref.query((): never => {
      throw new Error("make");
    }, 100);
    expect(await failure(made)).toEqual(new Error("make"));
    expect(clock.pending).toBe(0);
    expect(ref.alive).toBe(true);
  });
});

describe("ctx.spawn", () => {
  test.each(["stop", "kill", "crash"])(
    "its actors are killed when this one ends by a %s",
    async (how) => {
      const log = new Log();
      const ref = await spawn<undefined, string>(system, {
        init: async (ctx) => {
          await ctx.spawn({
            init: async (inner) => {
              await inner.spawn(log.behavior("grandchild"));
            },
            receive: ignore,
          });
          await ctx.spawn(log.behavior("child"));
        },
        receive: () => {
          throw new Error("crash");
        },
      });
      const reason = reasonOf(ref);
      const ends = ["child", "grandchild"].map((id) => reasonOf(log.ref(id)));
      if (how === "stop") void ref.stop();
      else if (how === "kill") void ref.kill();
      else ref.dispatch("crash");
      await reason;
      expect(await Promise.all(ends)).toEqual(["killed", "killed"]);
    },
  );

  test("its actors live through the clean-up of this one, and their death leaves it alone", async () => {
    let child!: ActorRef<unknown>;
    let aliveInCleanUp: boolean | undefined;
    const ref = await spawn(system, {
      init: async (ctx) => {
        child = await ctx.spawn({ receive: ignore });
        await (await ctx.spawn({ receive: ignore })).kill();
      },
      receive: ignore,
      terminate: () => {
        aliveInCleanUp = child.alive;
      },
    });
    expect(ref.alive).toBe(true);
    await ref.stop();
    expect([aliveInCleanUp, child.alive]).toEqual([true, false]);
  });
});

describe("spawn", () => {
  test("checks what it is given", async () => {
    const bad: [string, Promise<unknown>][] = [
      ["parent", spawn({} as never, { receive: ignore })],
      ["behavior", spawn(system, undefined as never)],
      ["receive", spawn(system, {} as never)],
      ["init", spawn(system, { init: 1, receive: ignore } as never)],
      ["terminate", spawn(system, { terminate: 1, receive: ignore } as never)],
      ["name", spawn(system, { receive: ignore }, { name: "" })],
      ["nmae", spawn(system, { receive: ignore }, { nmae: "a" } as never)],
    ];
    for (const [option, spawned] of bad)
      expect(await failure(spawned)).toMatchObject({ code: "E_OPTION", option });
  });

  test("under a name: registered before init runs, and free again after the end or a failed init", async () => {
    let found: unknown;
    const ref = await spawn(
      system,
      {
        init: () => {
          found = system.registry.lookup("a")[0]?.ref;
        },
        receive: ignore,
      },
      { name: "a" },
    );
    expect(found).toBe(ref);
    expect([ref.id, ref.path]).toEqual(["a", "/system/a"]);
    await ref.stop();
    const init = (): Promise<never> => Promise.reject(new Error("init"));
    const failed = spawn(system, { init, receive: ignore }, { name: "a" });
    expect(await failure(failed)).toEqual(new Error("init"));
    const next = await spawn(system, { receive: ignore }, { name: "a" });
    expect(system.registry.lookup("a")).toEqual([{ ref: next, value: undefined }]);
  });

  test("under a taken name: refused, init does not run, nothing remains", async () => {
    const ref = await spawn(system, { receive: ignore }, { name: "a" });
    let ran = false;
    const second = spawn(
      system,
      {
        init: () => {
          ran = true;
        },
        receive: ignore,
      },
      { name: "a" },
    );
    expect(await failure(second)).toMatchObject({
      code: "E_REGISTRY",
      reason: "already_registered",
      ref,
    });
    await rest();
    expect(ran).toBe(false);
    expect(system.registry.count()).toBe(1);
  });

  test("names and ids may be any text", async () => {
    for (const name of ["a b", "/", "a/b", "ä:@#?", "🦊", "x".repeat(10_000), "__proto__"]) {
      const ref = await spawn(system, { receive: ignore }, { name });
      expect([ref.id, ref.alive]).toEqual([name, true]);
      expect(system.registry.lookup(name)).toEqual([{ ref, value: undefined }]);
    }
  });
});

describe("a system", () => {
  test("stops its actors, the newest first and one after the other, and spawns no more", async () => {
    const log = new Log();
    const gate = new Gate();
    await spawn(system, log.behavior("a"));
    await spawn(system, log.behavior("b", { terminate: () => gate.promise }));
    await spawn(system, log.behavior("c"));
    log.take();
    const stopped = system.stop();
    await rest();
    expect(log.take()).toEqual(["-c:shutdown"]);
    expect(await failure(spawn(system, { receive: ignore }))).toBeInstanceOf(ActorExitError);
    gate.open();
    await Promise.all([stopped, system.stop(), system[Symbol.asyncDispose]()]);
    expect(log.take()).toEqual(["-b:shutdown", "-a:shutdown"]);
    expect(system.stopped).toBe(true);
  });

  test("two of one name never meet", async () => {
    const other = createSystem();
    expect(other.name).toBe(system.name);
    const here = await spawn(system, { receive: ignore }, { name: "a" });
    const there = await spawn(other, { receive: ignore }, { name: "a" });
    expect(here.path).toBe(there.path);
    await other.stop();
    expect([here.alive, there.alive]).toEqual([true, false]);
  });

  test("checks its options", () => {
    const wrong = { name: ["", 1], clock: [{}, null], seed: [1], nmae: ["a"] };
    for (const [option, values] of Object.entries(wrong))
      for (const value of values)
        expect(() => createSystem({ [option]: value })).toThrow(
          expect.objectContaining({ code: "E_OPTION", option }),
        );
    expect(() => createSystem(7 as never)).toThrow(OptionError);
  });
});
