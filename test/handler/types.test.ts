import { expect, test } from "@jest/globals";
import {
  batchHandler,
  type CacheEntryEvent,
  defineCache,
  handlerPool,
  type HandlerFunction,
  keysOf,
  workerPool,
} from "../../src/index.js";

interface User {
  name: string;
}

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only where `A` and `B` are the same type. */
function same<A, B>(_proof: Equal<A, B>): void {}

const cache = defineCache<number, User>({ name: "users" });
const size: number = 100;

// The compiler reports what is wrong here.
const pools = [
  handlerPool({
    cache,
    handler(event, ctx) {
      same<typeof event.target.kind, "key" | "keys" | "query">(true);
      same<typeof event.value, User | undefined>(true);
      same<ReturnType<typeof keysOf<number>>, readonly number[] | undefined>(true);
      for (const key of keysOf(event) ?? []) same<typeof key, number>(true);
      same<typeof ctx.attempt, number>(true);
    },
  }),
  handlerPool({
    cache,
    handler: {
      handle(event, _state, ctx) {
        same<typeof event.value, User | undefined>(true);
        void ctx.self;
      },
    },
  }),
  handlerPool({
    cache,
    handler: {
      init: (ctx) => ({ count: ctx.attempt }),
      handle: (event, state) => {
        same<typeof event.value, User | undefined>(true);
        same<typeof state, { count: number }>(true);
        return { count: state.count + 1 };
      },
      onGap: (gap, state) => ({ count: state.count + gap.from }),
      terminate: (_reason, { count }) => void count.toFixed(),
    },
  }),
  handlerPool({
    cache,
    handler: {
      maxSize: 100,
      maxWait: 50,
      handle: (events, ctx) => {
        same<(typeof events)[0]["value"], User | undefined>(true);
        for (const { target } of events)
          if (target.kind === "key") same<typeof target.key, number>(true);
        same<typeof ctx.attempt, number>(true);
      },
      onGap: (gap) => void gap.from.toFixed(),
    },
  }),
  handlerPool({
    cache,
    handler: {
      maxSize: size,
      maxWait: 0,
      async handle(events) {
        for (const { value } of events) await Promise.resolve(value?.name.length);
      },
    },
  }),
  handlerPool({
    cache,
    handler: batchHandler<number, User>({
      maxSize: 1,
      maxWait: 0,
      handle: (events) => void events[0]?.value?.name,
    }),
  }),
  handlerPool({
    cache,
    include: ["value"],
    handler: (event) => {
      if (event.type === "deleted") void (event.value satisfies undefined);
      if (event.type !== "inserted") return;
      if (event.values === undefined) void event.value.name;
      else void event.values.get(1)?.name;
      // @ts-expect-error: the previous value is not included.
      void event.previous.name;
    },
    onDeadLetter: (event) => {
      if (event.type === "updated" && event.values === undefined) void event.value.name;
    },
  }),
  handlerPool({
    cache,
    include: ["value", "previous"],
    handler: {
      maxSize: 10,
      maxWait: 5,
      handle: (events) => {
        for (const event of events)
          if (event.type === "updated" && event.values === undefined) {
            void event.value.name;
            if (event.previousValues === undefined) void event.previous.name;
          }
      },
    },
  }),
  handlerPool({
    cache,
    include: ["value"],
    handler: {
      init: () => 0,
      handle(event, state) {
        same<typeof state, number>(true);
        if (event.type === "inserted" && event.values === undefined) void event.value.name;
        return state + 1;
      },
    },
  }),
  workerPool({ cache, include: ["value"], module: new URL("handler.js", import.meta.url) }),
  handlerPool({
    cache: cache.instance("others"),
    handler: ({ value }) => void value?.name,
    onDeadLetter: (event, _error, ctx) => {
      same<typeof event.value, User | undefined>(true);
      void ctx.self;
    },
  }),
];

/** Never called: nothing in it would be accepted at run time. */
function misuse(): void {
  handlerPool({
    cache,
    // @ts-expect-error: a user has no age.
    handler: ({ value }) => void value?.age,
  });
  handlerPool({
    cache,
    handler: {
      maxSize: 10,
      maxWait: 5,
      // @ts-expect-error: a user has no age.
      handle: (events) => void events[0]?.value?.age,
    },
  });
  handlerPool({
    cache,
    // @ts-expect-error: batches need a maxWait.
    handler: { maxSize: 10, handle: (events) => void events.length },
  });
  handlerPool({
    cache,
    // @ts-expect-error: a handler of batches has no state.
    handler: { maxSize: 10, maxWait: 5, init: () => 1, handle: (events) => void events.length },
  });
  // @ts-expect-error: events can't include that.
  handlerPool({ cache, include: ["key"], handler: () => {} });
  // @ts-expect-error: there is no handler.
  handlerPool({ cache });
  // @ts-expect-error: an option's name is misspelt.
  handlerPool({ cache, handler: () => {}, maxAttempt: 3 });
  // @ts-expect-error: it handles the events of a cache with other keys.
  handlerPool({ cache, handler: (_event: CacheEntryEvent<string, User>) => {} });
}

test("handlers get the types of key and value from the pool's cache", async () => {
  const ids = pools.map(({ id }) => id);
  expect(new Set(ids)).toEqual(new Set(["users:handlers", "users:workers", "others:handlers"]));
  expect(misuse).toBeInstanceOf(Function);
  const handler: HandlerFunction<number, User> = async () => {};
  expect(await handler({} as never, {} as never)).toBeUndefined();
});
