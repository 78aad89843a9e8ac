import { AsyncLocalStorage } from "node:async_hooks";
import { afterEach, describe, expect, test } from "@jest/globals";
import {
  type Context,
  context,
  type ContextManager,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import {
  actor,
  type ActorRef,
  batchHandler,
  type Cache,
  defineCache,
  handlerPool,
  type HandlerPoolOptions,
  startSupervisor,
  streamServer,
  type Supervisor,
  whenIdle,
} from "nebulex-streams";
import { BatchSpan } from "../../src/telemetry/spans.js";
import { Gate, Listener, rest, until } from "../helpers/actors.js";
import { short } from "./helpers.js";

/** The global TracerProvider until the end of the test. */
function startTracing(): InMemorySpanExporter {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  return exporter;
}

/** Contexts that follow what is awaited, as OpenTelemetry's manager for Node does. */
class AsyncContexts implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with: ContextManager["with"] = (of, fn, thisArg, ...args) =>
    this.#storage.run(of, () => fn.call(thisArg as never, ...args));

  bind<T>(_of: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    this.#storage.disable();
    return this;
  }
}

afterEach(() => {
  trace.disable();
  context.disable();
});

async function startPool(
  name: string,
  options: Omit<HandlerPoolOptions<number, string>, "cache">,
): Promise<{ cache: Cache<number, string>; tree: Supervisor }> {
  const cache = defineCache<number, string>({ name });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, partitions: 2, hash: ({ target }) => target.key % 2 }),
      handlerPool({ cache, ...options }),
    ],
  });
  return { cache, tree };
}

function spansOf(exporter: InMemorySpanExporter, name = "nebulex.streams.handle"): ReadableSpan[] {
  return exporter
    .getFinishedSpans()
    .filter((span) => span.name === name)
    .map(
      (span) =>
        Object.create(span, { attributes: { value: short(span.attributes) } }) as ReadableSpan,
    );
}

test("a turn of a worker is one span, with what it handled", async () => {
  const exporter = startTracing();
  const { cache, tree } = await startPool("spans-turn", { handler: () => {} });
  await using _tree = tree;
  for (const key of [1, 3, 5, 2]) cache.put(key, "value");
  await whenIdle(cache);
  const spans = spansOf(exporter);
  const of = { cache: "spans-turn", name: "spans-turn", group: "spans-turn:handlers" };
  // A turn ends with its time slice, so that a machine that is busy may need several.
  const turns = spans.map(({ attributes }) => attributes as Record<string, number>);
  const sequences = (partition: number): number[] =>
    turns
      .filter((turn) => turn["partition"] === partition)
      .flatMap(({ events = 0, first_sequence: first = -1, last_sequence: last = -1 }) => {
        expect(last - first + 1).toBe(events);
        return Array.from({ length: events }, (_, n) => first + n);
      });
  expect([sequences(0), sequences(1)]).toEqual([[0], [0, 1, 2]]);
  for (const turn of turns) expect(turn).toMatchObject(of);
  for (const { kind, status, parentSpanContext, instrumentationScope } of spans) {
    expect(kind).toBe(SpanKind.CONSUMER);
    expect(status.code).toBe(SpanStatusCode.UNSET);
    expect(parentSpanContext).toBeUndefined();
    expect(instrumentationScope.name).toBe("nebulex-streams");
  }
});

test("an async handler's event is a span that lasts until it is handled; spans made within are below it", async () => {
  const exporter = startTracing();
  context.setGlobalContextManager(new AsyncContexts());
  const gate = new Gate();
  const { cache, tree } = await startPool("spans-async", {
    handler: async () => {
      await gate.promise;
      trace.getTracer("user").startSpan("a user's work").end();
    },
  });
  await using _tree = tree;
  trace.getTracer("user").startActiveSpan("a writer's work", (span) => {
    cache.put(2, "value");
    span.end();
  });
  await rest();
  expect(spansOf(exporter)).toEqual([]);
  gate.open();
  await whenIdle(cache);
  await until(() => spansOf(exporter).length === 1);
  const [span] = spansOf(exporter);
  const [work] = spansOf(exporter, "a user's work");
  expect(work?.parentSpanContext?.spanId).toBe(span?.spanContext().spanId);
  const [writer] = spansOf(exporter, "a writer's work");
  expect(span?.spanContext().traceId).not.toBe(writer?.spanContext().traceId);
});

describe.each(["restart", "resume"] as const)("with onError: %s", (onError) => {
  test("a failure is an exception of its span, whether it was thrown or rejected", async () => {
    const exporter = startTracing();
    using _letters = new Listener("nebulex.streams.dead_letter");
    const { cache, tree } = await startPool(`spans-failures-${onError}`, {
      onError,
      maxRestarts: 10,
      handler: ({ target }) => {
        if (target.kind !== "key" || target.key === 4) return;
        if (target.key === 0) throw new Error("thrown");
        return Promise.reject("rejected");
      },
    });
    await using _tree = tree;
    for (const key of [0, 2, 4]) cache.put(key, "value");
    await whenIdle(cache);
    await until(() => spansOf(exporter).length === 3);
    const exported = spansOf(exporter).map(({ attributes, status, events }) => ({
      events: attributes["events"],
      status: status.code,
      exceptions: events.map((event) => event.attributes?.["exception.message"]),
    }));
    const { ERROR, UNSET } = SpanStatusCode;
    expect(exported).toEqual([
      { events: 1, status: ERROR, exceptions: ["thrown"] },
      { events: 1, status: ERROR, exceptions: ["rejected"] },
      { events: 1, status: UNSET, exceptions: [] },
    ]);
  });
});

test("a batch is one span", async () => {
  const exporter = startTracing();
  const { cache, tree } = await startPool("spans-batch", {
    handler: batchHandler({ maxSize: 3, maxWait: 0, handle: () => {} }),
  });
  await using _tree = tree;
  for (let key = 0; key < 10; key += 2) cache.put(key, "value");
  await whenIdle(cache);
  await until(() => spansOf(exporter).length === 2);
  expect(spansOf(exporter).map(({ attributes }) => attributes)).toMatchObject([
    { events: 3, first_sequence: 0, last_sequence: 2 },
    { events: 2, first_sequence: 3, last_sequence: 4 },
  ]);
});

test("a gap that the handler receives is not an event of a span", async () => {
  const exporter = startTracing();
  using _gaps = new Listener("nebulex.streams.gap");
  const cache = defineCache<number, string>({ name: "spans-gap" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, capacity: 10 }),
      handlerPool({ cache, handler: { handle: () => {}, onGap: () => {} } }),
    ],
  });
  for (let key = 0; key < 25; key++) cache.put(key, "value");
  await whenIdle(cache);
  // On a slow machine what is read may take several slices of time, with a span each; the first may
  // end with the gap.
  const spans = spansOf(exporter)
    .map(({ attributes }) => attributes)
    .filter(({ events }) => events !== 0);
  expect(spans.reduce((sum, { events }) => sum + Number(events), 0)).toBe(10);
  expect(spans.at(0)).toMatchObject({ first_sequence: 15 });
  expect(spans.at(-1)).toMatchObject({ last_sequence: 24 });
});

test("with concurrency each event is a span of its own", async () => {
  const exporter = startTracing();
  const gate = new Gate();
  const { cache, tree } = await startPool("spans-concurrent", {
    concurrency: 2,
    handler: () => gate.promise,
  });
  await using _tree = tree;
  for (const key of [0, 2, 4]) cache.put(key, "value");
  gate.open();
  await whenIdle(cache);
  await until(() => spansOf(exporter).length === 3);
  expect(spansOf(exporter).map(({ attributes }) => attributes["first_sequence"])).toEqual([
    0, 1, 2,
  ]);
});

test("a kill ends the span of what the handler was at", async () => {
  const exporter = startTracing();
  let hang = true;
  const { cache, tree } = await startPool("spans-kill", {
    handler: (_event, { self }) => {
      if (!hang) return;
      hang = false;
      void self.kill();
      return new Promise(() => {});
    },
  });
  await using _tree = tree;
  cache.put(0, "value");
  await whenIdle(cache);
  await until(() => spansOf(exporter).length === 2);
  expect(spansOf(exporter).map(({ status }) => status)).toEqual([
    { code: SpanStatusCode.ERROR, message: "the worker has ended" },
    { code: SpanStatusCode.UNSET },
  ]);
});

test("no span is made without a tracer provider, nor after it was disabled", async () => {
  const reader = {
    log: {
      source: {
        cache: "spans-none",
        name: "spans-none",
        partition: null,
        partitions: null,
        node: "node",
        epoch: "epoch",
        startedAt: 0,
      },
    },
    group: null,
  };
  expect(BatchSpan.start(reader)).toBeUndefined();
  const exporter = startTracing();
  BatchSpan.start(reader)?.end();
  expect(spansOf(exporter).map(({ attributes }) => attributes)).toEqual([
    { cache: "spans-none", name: "spans-none", events: 0 },
  ]);
  trace.disable();
  expect(BatchSpan.start(reader)).toBeUndefined();
});

test("a restart is a span that ends when all is up; a try that fails has the error", async () => {
  const exporter = startTracing();
  let starts = 0;
  await using tree = await startSupervisor({
    strategy: "one_for_one",
    children: [
      actor<undefined, string>({
        id: "fickle",
        init: () => {
          if (++starts === 2) throw new Error("not yet");
          return undefined;
        },
        receive: () => {
          throw new Error("crash");
        },
      }),
    ],
  });
  const [child] = await tree.whichChildren();
  const ref = child?.ref as ActorRef<string>;
  ref.dispatch("now");
  const restarts = (): ReadableSpan[] => spansOf(exporter, "nebulex.supervisor.restart");
  await until(() => restarts().length === 2);
  const supervisor = tree.ref.path;
  expect(restarts().map(({ attributes }) => attributes)).toEqual([
    { supervisor, child_id: "fickle", attempt: 1 },
    { supervisor, child_id: "fickle", attempt: 2 },
  ]);
  expect(restarts().map(({ status }) => status.code)).toEqual([
    SpanStatusCode.ERROR,
    SpanStatusCode.UNSET,
  ]);
});
