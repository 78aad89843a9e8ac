import { readFileSync } from "node:fs";
import { join } from "node:path";
import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { projectRoot } from "../helpers/project-root.js";

export const { version } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
  version: string;
};

/** Exported names of attributes that are not "nebulex." and the short name. */
const shortNames: Record<string, string> = {
  "nebulex.instance": "name",
  "nebulex.event.type": "type",
  "nebulex.child.id": "child_id",
  "nebulex.restart.attempt": "attempt",
  "nebulex.batch.events": "events",
  "nebulex.batch.first_sequence": "first_sequence",
  "nebulex.batch.last_sequence": "last_sequence",
};

/**
 * Exported attributes by short names, without their namespace, which "attributes have a namespace"
 * tests.
 */
export function short(attributes: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      shortNames[name] ?? name.replace(/^nebulex\./, ""),
      value,
    ]),
  );
}

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

  /**
   * @param temporality with `"delta"`, only what was observed since the last collection is exported,
   * where the SDK else repeats itself
   */
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
    const points = await this.exported();
    return points.map((point) => ({ ...point, attributes: short(point.attributes) }));
  }

  /** The same with the attributes' full names. */
  async exported(): Promise<Point[]> {
    this.#exporter.reset();
    await this.#provider.forceFlush();
    return this.#exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .filter(({ scope }) => scope.name === "nebulex-streams" && scope.version === version)
      .flatMap((scope) => scope.metrics)
      .flatMap(({ descriptor: { name: metric, unit }, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => ({ metric, unit, attributes, value })),
      );
  }

  /**
   * The numbers of a metric that have these attributes among theirs, by what `label` says of each.
   */
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
