import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, test } from "@jest/globals";
import {
  ActorExitError,
  type ActorContext,
  type ActorRef,
  createSystem,
  type Down,
  OptionError,
  QueryTimeoutError,
  type ReplyTo,
  spawn,
} from "nebulex-streams/actor";
import { SimulatedClock } from "nebulex-streams/testing";
import { caught, eventually, forever, gate, quiet } from "./stage.js";

const world = () => {
  const clock = new SimulatedClock();
  return { clock, system: createSystem({ name: "world", clock }) };
};
const idle = { receive: () => {} };

describe("what has ended is fenced", () => {
  test.each(["kill", "stop in its time"] as const)(
    "by a %s: ctx, results and errors go nowhere",
    async (how) => {
      const { clock, system } = world();
      const hold = gate();
      const done = gate<unknown[]>();
      let ctx!: ActorContext<string>;
      const ref = await spawn<number, string>(system, {
        init: () => 0,
        receive: async (_state, message, context) => {
          ctx = context;
          await hold.promise;
          context.stop("never heard");
          done.open([
            await caught(() => context.register("key")),
            await caught(context.spawn(idle)),
            await caught(spawn(context, idle, { name: "late" })),
          ]);
          throw new Error(`late error of ${message}`);
        },
        terminate: () => {
          throw new Error("no clean-up");
        },
      });
      const downs: unknown[] = [];
      ref.monitor(({ reason }) => downs.push(reason));
      ref.dispatch("work");
      ref.dispatch("more work");
      await eventually(() => ctx !== undefined);
      const { signal } = ctx;
      expect(signal.aborted).toBe(false);
      if (how === "kill") await ref.kill();
      else {
        const stopping = ref.stop("enough", 100);
        await clock.advance(100);
        await stopping;
      }
      expect([ref.alive, signal.aborted, ctx.signal]).toEqual([false, true, signal]);
      hold.open();
      const [registered, ...spawned] = await done.promise;
      expect(registered).toMatchObject({ code: "E_REGISTRY", reason: "noproc", ref });
      for (const error of spawned)
        expect(error).toMatchObject({ code: "E_ACTOR_EXIT", reason: "noproc" });
      await quiet();
      expect(downs).toEqual(["killed"]);
      expect(system.registry.count()).toBe(0);
      await system.stop();
    },
  );

  test("a kill within a message: the rest of the function runs, and nothing comes of it", async () => {
    const { system } = world();
    const seen: string[] = [];
    const ref = await spawn<string, string>(system, {
      init: () => "state",
      receive: (_state, message, ctx) => {
        seen.push(message);
        void ctx.self.kill();
        ctx.self.dispatch("again");
        return "late state";
      },
      terminate: () => void seen.push("terminate"),
    });
    ref.dispatch("first");
    ref.dispatch("second");
    await eventually(() => !ref.alive);
    await quiet();
    expect(seen).toEqual(["first"]);
  });
});

describe("stop", () => {
  test("finishes the message in hand, drops the rest, cleans up once with the reason and the last state", async () => {
    const { system } = world();
    const hold = gate();
    const seen: unknown[] = [];
    const ref = await spawn<string[], string>(system, {
      init: () => [],
      receive: async (state, message) => {
        await hold.promise;
        return [...state, message];
      },
      terminate: (reason, state) => void seen.push(reason, state),
    });
    ref.dispatch("in hand");
    ref.dispatch("dropped");
    await quiet();
    const stops = [ref.stop({ shutdown: "first" }), ref.stop("second")];
    expect(ref.alive).toBe(true);
    hold.open();
    await Promise.all(stops);
    await ref.stop();
    expect(seen).toEqual([{ shutdown: "first" }, ["in hand"]]);
  });

  test("takes reasons of any kind, as they are", async () => {
    const { system } = world();
    const frozen = Object.freeze({ why: "frozen" });
    for (const reason of [
      Symbol("why"),
      null,
      0,
      false,
      "",
      Number.NaN,
      frozen,
      () => {},
      new Error("e"),
    ]) {
      const ref = await spawn(system, idle);
      const down = new Promise<Down>((resolve) => ref.monitor(resolve));
      await ref.stop(reason);
      expect(await down).toEqual({ ref, reason });
      expect((await down).ref).toBe(ref);
    }
  });

  test("crashes give terminate the error, a failed init does not get that far", async () => {
    const { system } = world();
    const seen: unknown[] = [];
    const terminate = (reason: unknown) => void seen.push(reason);
    const error = new Error("crash");
    const ref = await spawn(system, { receive: () => Promise.reject(error), terminate });
    ref.dispatch("go");
    await eventually(() => !ref.alive);
    const init = () => {
      throw new Error("init");
    };
    expect(await caught(spawn(system, { ...idle, init, terminate }))).toEqual(new Error("init"));
    expect(seen).toEqual([error]);
  });
});

describe("monitors", () => {
  test("tell once each, after the death, never inside a call; the registry is clean by then", async () => {
    const { system } = world();
    const ref = await spawn(system, idle, { name: "named" });
    const seen: unknown[] = [];
    const fn = ({ reason }: Down) =>
      seen.push([reason, ref.alive, system.registry.lookup("named").length]);
    ref.monitor(fn);
    ref.monitor(fn);
    const cancel = ref.monitor(fn);
    cancel();
    cancel();
    void ref.kill();
    expect(seen).toEqual([]);
    await quiet();
    expect(seen).toEqual(Array(2).fill(["killed", false, 0]));
    ref.monitor(fn);
    expect(seen).toHaveLength(2);
    await quiet();
    expect(seen[2]).toEqual(["noproc", false, 0]);
  });

  test("of a context are heard between two messages, after what the dead had sent", async () => {
    const { system } = world();
    const seen: string[] = [];
    const target = await spawn<void, ActorRef<string>>(system, {
      receive: (_state, to, ctx) => {
        to.dispatch("last words");
        ctx.stop("done");
      },
    });
    const watcher = await spawn<void, string>(system, {
      init: (ctx) => void ctx.monitor(target, ({ reason }) => seen.push(`down ${String(reason)}`)),
      receive: async (_state, message) => {
        seen.push(`${message} begins`);
        await quiet();
        seen.push(`${message} ends`);
      },
    });
    watcher.dispatch("first");
    target.dispatch(watcher);
    await eventually(() => seen.length === 5);
    expect(seen).toEqual([
      "first begins",
      "first ends",
      "last words begins",
      "last words ends",
      "down done",
    ]);
  });

  test("one that throws harms neither the others nor the process", async () => {
    const { system } = world();
    const ref = await spawn(system, idle);
    const reported = gate<unknown>();
    subscribe("nebulex.actor.callback_error", reported.open);
    ref.monitor(() => {
      throw new Error("monitor");
    });
    const told = new Promise((resolve) => ref.monitor(resolve));
    await ref.stop();
    await told;
    expect(await reported.promise).toMatchObject({
      what: "monitor",
      error: new Error("monitor"),
      ref,
    });
    unsubscribe("nebulex.actor.callback_error", reported.open);
  });
});

describe("query", () => {
  const ask = (replyTo: ReplyTo<unknown>) => replyTo;

  test("has the first answer, and the exit reason when there is none", async () => {
    const { system, clock } = world();
    const make = (receive: (reply: ReplyTo<unknown>) => unknown) =>
      spawn<void, ReplyTo<unknown>>(system, { receive: (_state, reply) => receive(reply) as void });
    const answers = await make((reply) => {
      reply.dispatch(undefined);
      reply.dispatch("second");
    });
    expect(await answers.query(ask, 10)).toBeUndefined();
    const error = new Error("crash");
    const crashes = await make(() => {
      throw error;
    });
    const failure = await caught(crashes.query(ask, 10));
    expect(failure).toBeInstanceOf(ActorExitError);
    expect(failure).toMatchObject({ code: "E_ACTOR_EXIT", reason: error, cause: error });
    expect(await caught(crashes.query(ask, 10))).toMatchObject({
      code: "E_ACTOR_EXIT",
      reason: "noproc",
    });
    const hangs = await make(forever);
    const queued = [hangs.query(ask, 10), hangs.query(ask, 10)].map(caught);
    await quiet();
    void hangs.kill();
    for (const query of queued) expect(await query).toMatchObject({ reason: "killed" });
    expect(clock.pending).toBe(0);
  });

  test("times out by the system's clock, and a late answer is nobody's", async () => {
    const { system, clock } = world();
    let reply: ReplyTo<unknown> | undefined;
    const ref = await spawn<void, ReplyTo<unknown>>(system, {
      receive: (_state, to) => {
        reply = to;
      },
    });
    const query = caught(ref.query(ask, 3_000_000_000));
    await clock.advance(2_999_999_999);
    expect(clock.pending).toBe(1);
    await clock.advance(1);
    const error = await query;
    expect(error).toBeInstanceOf(QueryTimeoutError);
    expect(error).toMatchObject({ code: "E_QUERY_TIMEOUT", timeout: 3_000_000_000 });
    reply?.dispatch("late");
  });

  test.each([-1, Number.NaN, Infinity, "100", null])(
    "refuses a timeout of %p, as stop does",
    async (timeout) => {
      const { system } = world();
      const ref = await spawn<void, ReplyTo<unknown>>(system, idle);
      const error = await caught(() => ref.query(ask, timeout as never));
      expect(error).toBeInstanceOf(OptionError);
      expect((error as Error).message).toMatch(
        /^invalid value for option "timeout": expected .*, got: /,
      );
      expect(await caught(() => ref.stop("x", timeout as never))).toBeInstanceOf(OptionError);
      expect(ref.alive).toBe(true);
    },
  );
});

describe("a system", () => {
  test("two of one name have nothing in common; a ref works from anywhere", async () => {
    const [a, b] = [createSystem({ name: "same" }), createSystem({ name: "same" })];
    const seen: string[] = [];
    const behavior = { receive: (_state: unknown, message: string) => void seen.push(message) };
    const [first, second] = [
      await spawn<unknown, string>(a, behavior, { name: "x" }),
      await spawn<unknown, string>(b, behavior, { name: "x" }),
    ];
    expect(first).not.toBe(second);
    await a.stop();
    second.dispatch("b lives");
    await eventually(() => seen.length === 1);
    expect([first.alive, second.alive]).toEqual([false, true]);
    expect(await caught(spawn(a, idle))).toMatchObject({ code: "E_ACTOR_EXIT", reason: "noproc" });
    await b[Symbol.asyncDispose]();
    expect(second.alive).toBe(false);
  });

  test.each([
    ["name", ""],
    ["name", 1],
    ["clock", {}],
    ["clock", null],
    ["seed", 1],
  ])("refuses %s: %p", (option, value) => {
    expect(() => createSystem({ [option]: value })).toThrow(
      expect.objectContaining({ code: "E_OPTION", option }),
    );
  });
});
