import {
  context,
  createNoopMeter,
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics as metricsApi,
  type Observable,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import {
  addSource,
  type Attributes,
  exported,
  exportedName,
  histograms,
  measureAll,
  type MetricName,
  metrics,
  type MetricSource,
} from "./metrics.js";
import { packageVersion } from "../package-copy.js";

/** The instrumentation scope of all metrics and spans. */
const scope = "nebulex-streams";

const instrumented = new WeakSet<MeterProvider>();

/**
 * Adds a source, which is observed by the current global MeterProvider and by those of earlier
 * calls. Metrics have no proxy for a provider that is registered later.
 *
 * @internal
 */
export function observe(source: MetricSource): void {
  addSource(source);
  const provider = metricsApi.getMeterProvider();
  if (instrumented.has(provider)) return;
  instrumented.add(provider);
  instrument(provider.getMeter(scope, packageVersion()));
}

/** The histograms of one provider. */
interface Histograms {
  readonly duration: Histogram;
  readonly delay: Histogram;
  readonly append: Histogram;
}

const recorded: Histograms[] = [];

/**
 * Whether a MeterProvider has been registered: if not, nothing is measured of single events.
 *
 * @internal
 */
export function isRecording(): boolean {
  return recorded.length > 0;
}

/** Records one call of a handler. @internal */
export function recordDuration(seconds: number, attributes: Attributes): void {
  for (const { duration } of recorded) duration.record(seconds, exported(attributes));
}

/** Records that an event has been handled, that long after its write. @internal */
export function recordDelay(seconds: number, attributes: Attributes): void {
  for (const { delay } of recorded) delay.record(seconds, exported(attributes));
}

/** Records that an entry has been stored in a journal. @internal */
export function recordAppend(seconds: number, attributes: Attributes): void {
  for (const { append } of recorded) append.record(seconds, exported(attributes));
}

/** Registers one callback for all sources, so that sources can be added and removed. */
function instrument(meter: Meter): void {
  const names = Object.keys(metrics) as MetricName[];
  const instruments = new Map(names.map((name) => [name, makeInstrument(meter, name)]));
  meter.addBatchObservableCallback(
    (result) => {
      for (const { metric, value, attributes } of measureAll())
        result.observe(instruments.get(metric) as Observable, value, exported(attributes));
    },
    [...instruments.values()],
  );
  // Without a provider the meter records nothing.
  if (meter === createNoopMeter()) return;
  recorded.push({
    duration: makeHistogram(meter, "nebulex.streams.handler.duration"),
    delay: makeHistogram(meter, "nebulex.streams.handler.delay"),
    append: makeHistogram(meter, "nebulex.journal.append.duration"),
  });
}

function makeHistogram(meter: Meter, name: keyof typeof histograms): Histogram {
  return meter.createHistogram(name, histograms[name]);
}

function makeInstrument(meter: Meter, name: MetricName): Observable {
  const { kind, ...options } = metrics[name];
  switch (kind) {
    case "counter":
      return meter.createObservableCounter(name, options);
    case "upDownCounter":
      return meter.createObservableUpDownCounter(name, options);
    case "gauge":
      return meter.createObservableGauge(name, options);
  }
}

/** The tracer, if a provider is registered; costs a few nanoseconds if none is. */
function findTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer(scope, packageVersion())
    : provider.getTracer(scope, packageVersion());
}

/**
 * A span of something that takes time and may fail. It has no parent, since it may have many
 * causes.
 *
 * @internal
 */
export class Activity {
  readonly #span: Span;
  #ended = false;

  constructor(span: Span) {
    this.#span = span;
  }

  /** Calls `fn` so that the spans that are made in it, or in what it awaits, are below this one. */
  run<T>(fn: () => T): T {
    return context.with(trace.setSpan(ROOT_CONTEXT, this.#span), fn);
  }

  failed(error: unknown): void {
    if (this.#ended) return;
    const exception = asException(error);
    this.#span.recordException(exception);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: exception.message });
  }

  set(name: string, value: string | number): void {
    if (!this.#ended) this.#span.setAttribute(exportedName(name), value);
  }

  /** A second call has no effect. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#span.end();
  }

  /** Ends it, if it has not ended, with an error status. */
  cutOff(why: string): void {
    if (this.#ended) return;
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message: why });
    this.end();
  }
}

/** Starts a span if there is a tracer; `attributes` is only called then. @internal */
export function startActivity<A>(
  name: string,
  kind: "consumer" | "internal",
  attributes: (of: A) => Attributes,
  of: A,
): Activity | undefined {
  const tracer = findTracer();
  if (tracer === undefined) return undefined;
  return new Activity(
    tracer.startSpan(
      name,
      {
        kind: kind === "consumer" ? SpanKind.CONSUMER : SpanKind.INTERNAL,
        attributes: exported(attributes(of)),
      },
      ROOT_CONTEXT,
    ),
  );
}

interface Exception {
  readonly name?: string;
  readonly message: string;
  readonly stack?: string;
}

/** The value may be an error of another realm, or no error at all. */
function asException(error: unknown): Exception {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? (error as Exception) : { message: String(error) };
}
