import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";

/** A number as the SDK exports it. */
export interface Point {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Record<string, unknown>;
  readonly value: unknown;
}

/** The global MeterProvider while it is not disposed. */
export class Collector implements AsyncDisposable {
  readonly #exporter: InMemoryMetricExporter;
  readonly #provider: MeterProvider;

  /** @param temporality with `"delta"`, only what was observed since the last collection is told of, where the SDK else repeats itself */
  constructor(temporality: "cumulative" | "delta" = "cumulative") {
    const { CUMULATIVE, DELTA } = AggregationTemporality;
    const exporter = new InMemoryMetricExporter(temporality === "delta" ? DELTA : CUMULATIVE);
    this.#exporter = exporter;
    this.#provider = new MeterProvider({
      readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 2 ** 30 })],
    });
    metrics.setGlobalMeterProvider(this.#provider);
  }

  async points(): Promise<Point[]> {
    this.#exporter.reset();
    await this.#provider.forceFlush();
    return this.#exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .filter(({ scope }) => scope.name === "nebulex-streams")
      .flatMap((scope) => scope.metrics)
      .flatMap(({ descriptor: { name: metric, unit }, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({ metric, unit, attributes, value })),
      );
  }

  /** The numbers of a metric that have these attributes among theirs, by what `label` says of each. */
  async values(
    metric: string,
    attributes: Record<string, unknown> = {},
    label: (attributes: Record<string, unknown>) => unknown = JSON.stringify,
  ): Promise<Record<string, unknown>> {
    const points = await this.points();
    return Object.fromEntries(
      points
        .filter((point) => point.metric === metric)
        .filter((point) =>
          Object.entries(attributes).every(([key, value]) => point.attributes[key] === value),
        )
        .map((point) => [String(label(point.attributes)), point.value]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    metrics.disable();
    await this.#provider.shutdown();
  }
}
