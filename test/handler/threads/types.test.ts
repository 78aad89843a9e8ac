import { expect, test } from "@jest/globals";
import {
  batchHandler,
  type CacheEntryEvent,
  type ThreadHandler,
  type ThreadHandlerContext,
  type ThreadHandlerFunction,
} from "../../../src/index.js";

interface User {
  name: string;
}

// Each as the default export of a module would be written. The compiler reports what is
// wrong here.
const withState = {
  init: (ctx) => ({ names: [] as string[], partition: ctx.partition }),
  handle({ value, target }, state, { attempt, signal }) {
    const key: string | null = target.kind === "key" ? target.key : null;
    if (attempt === 1 && !signal.aborted && key !== null) state.names.push(value?.name ?? key);
  },
  onGap: ({ from }, state) => ({ ...state, partition: from }),
  terminate: async (_reason, { names }) => void names.length,
} satisfies ThreadHandler<{ names: string[]; partition: number | null }, string, User>;

const handle: ThreadHandlerFunction<string, User> = async ({ value }, ctx) => {
  // @ts-expect-error: the worker's actor is in the main thread.
  void ctx.self;
  void value?.name.length;
};

const wrong = {
  // @ts-expect-error: a user has no age.
  handle: ({ value }) => void value?.age,
} satisfies ThreadHandler<void, string, User>;

const batched = batchHandler<string, User>({
  maxSize: 10,
  maxWait: 5,
  handle: (events) => void events.map(({ value }) => value?.name),
}) satisfies ThreadHandler<void, string, User>;

test("handlers for threads are typed by state, key and value", async () => {
  const ctx: ThreadHandlerContext = {
    partition: 0,
    partitions: 1,
    attempt: 1,
    fence: 0,
    signal: new AbortController().signal,
  };
  const event = {
    type: "inserted",
    target: { kind: "key", key: "ada" },
    value: { name: "Ada" },
  } as CacheEntryEvent<string, User, never>;
  const state = withState.init(ctx);
  withState.handle(event, state, ctx);
  expect(state).toEqual({ names: ["Ada"], partition: 0 });
  await handle(event, ctx);
  wrong.handle(event);
  expect(batched.handle).toBeInstanceOf(Function);
});
