/** What a metric is to OpenTelemetry. @internal */
export interface Metric {
  readonly kind: "counter" | "upDownCounter" | "gauge";
  readonly unit: string;
  readonly description: string;
}

/** The metrics. @internal */
export const metrics = {
  "nebulex.streams.events": {
    kind: "counter",
    unit: "{event}",
    description: "Events in the stream, by type.",
  },
  "nebulex.streams.discarded": {
    kind: "counter",
    unit: "{event}",
    description: 'Events for which the hash said "none".',
  },
  "nebulex.streams.unroutable": {
    kind: "counter",
    unit: "{event}",
    description: "Events that are in no stream, since their hash failed.",
  },
  "nebulex.streams.subscriptions": {
    kind: "upDownCounter",
    unit: "{subscription}",
    description: "Live readers, those of groups included.",
  },
  "nebulex.streams.lag": {
    kind: "gauge",
    unit: "{event}",
    description: "Events not yet handled: of a group, or of the slowest reader without one.",
  },
  "nebulex.streams.handled": {
    kind: "counter",
    unit: "{event}",
    description: "Events handled by a group, or by the readers without one together.",
  },
  "nebulex.streams.handler.time": {
    kind: "counter",
    unit: "s",
    description: "Time that a pool's workers have spent in handlers.",
  },
  "nebulex.streams.dead_letters": {
    kind: "counter",
    unit: "{event}",
    description: "Events given up after their last attempt.",
  },
  "nebulex.streams.gaps": {
    kind: "counter",
    unit: "{gap}",
    description: "Notices of events that were not delivered.",
  },
  "nebulex.streams.dropped": {
    kind: "counter",
    unit: "{event}",
    description: "Events that those notices were about.",
  },
  "nebulex.streams.coalesced": {
    kind: "counter",
    unit: "{event}",
    description: "Events merged into newer ones of their key.",
  },
  "nebulex.journal.owned": {
    kind: "upDownCounter",
    unit: "{partition}",
    description: "Partitions that a cluster group handles on this node.",
  },
  "nebulex.journal.owner_changes": {
    kind: "counter",
    unit: "{change}",
    description: "Leases on partitions that a cluster group has taken on this node.",
  },
  "nebulex.journal.commits": {
    kind: "counter",
    unit: "{commit}",
    description: "Answered commits of a cluster group on this node.",
  },
  "nebulex.journal.fenced_commits": {
    kind: "counter",
    unit: "{commit}",
    description: "Those that were refused, since the lease was another's or had expired.",
  },
  "nebulex.cache.hits": {
    kind: "counter",
    unit: "{read}",
    description: "Reads that found an entry.",
  },
  "nebulex.cache.misses": {
    kind: "counter",
    unit: "{read}",
    description: "Reads that found none.",
  },
  "nebulex.cache.writes": {
    kind: "counter",
    unit: "{entry}",
    description: "Entries written.",
  },
  "nebulex.cache.deletions": {
    kind: "counter",
    unit: "{entry}",
    description: "Entries deleted.",
  },
  "nebulex.cache.evictions": {
    kind: "counter",
    unit: "{entry}",
    description: "Entries evicted to make room.",
  },
  "nebulex.cache.expirations": {
    kind: "counter",
    unit: "{entry}",
    description: "Entries that reached their TTL.",
  },
  "nebulex.cache.entries": {
    kind: "upDownCounter",
    unit: "{entry}",
    description: "Entries stored now.",
  },
  "nebulex.cache.near.hits": {
    kind: "counter",
    unit: "{read}",
    description: "Reads of a shared store that a local copy has answered.",
  },
  "nebulex.cache.near.misses": {
    kind: "counter",
    unit: "{read}",
    description: "Those that the store had to answer.",
  },
  "nebulex.cache.near.invalidations": {
    kind: "counter",
    unit: "{copy}",
    description: "Local copies that went since their entries had changed, or might have.",
  },
  "nebulex.cache.near.entries": {
    kind: "upDownCounter",
    unit: "{copy}",
    description: "Local copies now.",
  },
  "nebulex.invalidator.invalidations": {
    kind: "counter",
    unit: "{invalidation}",
    description: "Events and gaps that an invalidator acted on, by status.",
  },
  "nebulex.invalidator.deleted": {
    kind: "counter",
    unit: "{entry}",
    description: "Entries that invalidators deleted.",
  },
  "nebulex.pubsub.status": {
    kind: "gauge",
    unit: "1",
    description: "1 for the status that a pubsub has now, 0 for the others.",
  },
  "nebulex.journal.status": {
    kind: "gauge",
    unit: "1",
    description: "1 for the status that a journal has now, 0 for the others.",
  },
  "nebulex.journal.appended": {
    kind: "counter",
    unit: "{event}",
    description: "Events that this node has stored in journals.",
  },
  "nebulex.journal.waiting": {
    kind: "upDownCounter",
    unit: "{event}",
    description: "Events of this node that are not stored in their journal yet.",
  },
  "nebulex.journal.trimmed": {
    kind: "counter",
    unit: "{event}",
    description: "Events that journals have dropped while this node read them.",
  },
  "nebulex.journal.lag.age": {
    kind: "gauge",
    unit: "s",
    description: "Age of the oldest event that a cluster group has not handled, where owned here.",
  },
  "nebulex.supervisor.restarts": {
    kind: "counter",
    unit: "{restart}",
    description: "Restarts of children, failed tries included.",
  },
} as const satisfies Record<string, Metric>;

/** @internal */
export type MetricName = keyof typeof metrics;

/**
 * Upper bounds of the histograms' buckets, in seconds. The SDK's own are made for milliseconds: all
 * times of handlers would be in its first bucket.
 */
const bounds = [
  0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** What is recorded as it happens, and not only when it is collected. @internal */
export const histograms = {
  "nebulex.streams.handler.duration": {
    unit: "s",
    description: "Time of one call of a pool's handler, until its promise has settled.",
    advice: { explicitBucketBoundaries: bounds },
  },
  "nebulex.streams.handler.delay": {
    unit: "s",
    description: "Time from an event's write until a pool has handled it.",
    advice: { explicitBucketBoundaries: bounds },
  },
  "nebulex.journal.append.duration": {
    unit: "s",
    description: "Time until a journal's engine has stored an entry.",
    advice: { explicitBucketBoundaries: bounds },
  },
};

/** Attributes as they are exported: in a namespace of their own. */
const attributeNames: Readonly<Record<string, string>> = {
  cache: "nebulex.cache",
  name: "nebulex.instance",
  partition: "nebulex.partition",
  group: "nebulex.group",
  type: "nebulex.event.type",
  status: "nebulex.status",
  node: "nebulex.node",
  supervisor: "nebulex.supervisor",
  child_id: "nebulex.child.id",
  attempt: "nebulex.restart.attempt",
  events: "nebulex.batch.events",
  first_sequence: "nebulex.batch.first_sequence",
  last_sequence: "nebulex.batch.last_sequence",
};

/** @internal */
export function exportedName(attribute: string): string {
  return attributeNames[attribute] ?? `nebulex.${attribute}`;
}

/** @internal */
export function exported(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [exportedName(name), value]),
  );
}

/** @internal */
export type Attributes = Readonly<Record<string, string | number>>;

/** One number of a metric. @internal */
export interface Measurement {
  readonly metric: MetricName;
  readonly attributes: Attributes;
  value: number;
}

/**
 * The numbers of one collection. What has the same attributes, as streams of one name do, is put
 * together.
 *
 * @internal
 */
export class Measurements implements Iterable<Measurement> {
  readonly #all = new Map<string, Measurement>();

  add(metric: MetricName, value: number, attributes: Attributes): void {
    const key = `${metric}${JSON.stringify(attributes)}`;
    const known = this.#all.get(key);
    if (known === undefined) this.#all.set(key, { metric, attributes, value });
    else if (metrics[metric].kind === "gauge") known.value = Math.max(known.value, value);
    else known.value += value;
  }

  [Symbol.iterator](): IterableIterator<Measurement> {
    return this.#all.values();
  }
}

/** A source of measurements. @internal */
export interface MetricSource {
  /** Must not throw. */
  measure(into: Measurements): void;
  /** Whether there is nothing left to measure; such a source is dropped. */
  isOver?(): boolean;
}

/** All sources. Only collections read them. */
const sources = new Set<MetricSource>();

/** @internal */
export function addSource(source: MetricSource): void {
  for (const other of sources) if (other.isOver?.() === true) sources.delete(other);
  sources.add(source);
}

/** @internal */
export function removeSource(source: MetricSource): void {
  sources.delete(source);
}

/** @internal */
export function measureAll(): Measurements {
  const measurements = new Measurements();
  for (const source of sources)
    if (source.isOver?.() === true) sources.delete(source);
    else source.measure(measurements);
  return measurements;
}
