import { randomBytes } from "node:crypto";
import { systemClock, withTimeout } from "../clock.js";
import { decodeShape } from "../cluster/journal-shape.js";
import type { StreamAddress } from "../cluster/messages.js";
import type { StreamShape } from "../errors.js";
import type { JournalContext, JournalEngine } from "../journal/engine.js";
import { NoJournalError } from "../journal/jetstream-client.js";
import type { Milliseconds } from "../options.js";
import { type BrokerAddress, withoutSecrets } from "../pubsub/broker-address.js";
import { MissingPackageError, reasonOf } from "../pubsub/broker-session.js";
import { mathRandom } from "../timers.js";
import type { PlaceOptions, StreamPlaceOptions } from "./argument-values.js";
import { BrokerFailure, failure } from "./broker.js";

/** Milliseconds that an engine has to answer the first time, unless others are given. */
const connectTimeout: Milliseconds = 5000;

/** What was asked for is not there; its message is one line for the user. @internal */
export class NotFound extends Error {
  override readonly name = "NotFound";
}

/** There is no journal. @internal */
export class NoJournal extends NotFound {}

/** @internal */
export function noStreams(namespace: string): NotFound {
  return new NoJournal(`no stream has a journal in namespace ${namespace}`);
}

type Status = "connected" | "reconnecting";

/** A connection to journals. @internal */
export class JournalConnection implements AsyncDisposable {
  readonly engine: JournalEngine;
  readonly #watchers = new Set<(status: Status) => void>();
  #status: Status = "reconnecting";
  #trouble: unknown;

  private constructor(engine: JournalEngine) {
    this.engine = engine;
  }

  /** @throws (as a rejection) what the engine's `load` and `open` reject with */
  static async open(engine: JournalEngine): Promise<JournalConnection> {
    const connection = new JournalConnection(engine);
    try {
      await engine.load?.();
      await engine.open({ status: (status, error) => connection.#changed(status, error) });
    } catch (error) {
      await engine.close();
      throw error;
    }
    return connection;
  }

  get status(): Status {
    return this.#status;
  }

  /** Why there is no connection, as far as is known. */
  get trouble(): unknown {
    return this.#status === "connected" ? undefined : this.#trouble;
  }

  onStatus(fn: (status: Status) => void): () => void {
    this.#watchers.add(fn);
    return () => void this.#watchers.delete(fn);
  }

  /** Waits for a connection, at most `timeout`, and returns whether there is one. */
  async connected(timeout: Milliseconds, signal: AbortSignal): Promise<boolean> {
    let unwatch = (): void => {};
    const up = new Promise<void>((resolve) => {
      unwatch = this.onStatus((status) => status === "connected" && resolve());
      if (this.#status === "connected") resolve();
    });
    await withTimeout(systemClock, timeout, up, () => {}, signal).catch(() => {});
    unwatch();
    return this.#status === "connected";
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.engine.close();
  }

  #changed(status: Status, error: unknown): void {
    if (error !== undefined) this.#trouble = error;
    if (status === this.#status) return;
    this.#status = status;
    for (const watcher of this.#watchers) watcher(status);
  }
}

/**
 * Connects to the journals of a broker.
 *
 * @throws (as a rejection) BrokerFailure when it refuses, can't be reached, or its package is
 *   missing
 * @internal
 */
export async function openJournal(
  options: Pick<PlaceOptions, "broker" | "sentinel" | "namespace">,
  signal: AbortSignal,
  timeout = connectTimeout,
): Promise<JournalConnection> {
  const { broker } = options;
  const connection = await dial(options).catch((error: unknown) => {
    if (error instanceof NoJournalError) throw noStreams(options.namespace);
    throw error instanceof MissingPackageError
      ? new BrokerFailure(`option --${broker.kind}: ${error.message}`, { cause: error })
      : failure(broker, error);
  });
  if (await connection.connected(timeout, signal)) return connection;
  const { trouble } = connection;
  await connection[Symbol.asyncDispose]();
  throw unreachable(broker, trouble);
}

function unreachable(broker: BrokerAddress, trouble: unknown): BrokerFailure {
  const why = trouble === undefined ? "no answer" : reasonOf(trouble);
  return new BrokerFailure(withoutSecrets(`can't reach ${broker.shown}: ${why}`, broker));
}

async function dial({
  broker,
  sentinel,
  namespace,
}: Pick<PlaceOptions, "broker" | "sentinel" | "namespace">): Promise<JournalConnection> {
  const context: JournalContext = {
    nodeName: `observer-${randomBytes(6).toString("hex")}`,
    namespace,
    // Only nodes trim.
    retain: 0,
    retainFor: undefined,
    capacity: 1_000_000,
    clock: systemClock,
    random: mathRandom,
    observes: true,
  };
  if (broker.kind === "nats") {
    const { NatsEngine } = await import("../journal/nats-engine.js");
    const { resolveNats } = await import("../pubsub/nats.js");
    const dialing = resolveNats({ servers: broker.urls }, "natsJournal");
    return JournalConnection.open(new NatsEngine(context, dialing(), 1));
  }
  const { RedisEngine } = await import("../journal/redis-engine.js");
  const { resolveRedisJournal } = await import("../journal/redis-journal.js");
  const { WrongServerError } = await import("../journal/redis-server-checks.js");
  const url = broker.urls[0] as string;
  try {
    const place = resolveRedisJournal(sentinel === undefined ? { url } : { sentinel });
    return await JournalConnection.open(new RedisEngine(context, place));
  } catch (error) {
    if (!(error instanceof WrongServerError && error.mode === "cluster")) throw error;
    const cluster = resolveRedisJournal({ rootNodes: [{ url }] });
    return JournalConnection.open(new RedisEngine(context, cluster));
  }
}

/** A stream that has a journal. @internal */
export interface JournalStream {
  readonly engine: JournalEngine;
  readonly address: StreamAddress;
  readonly shape: StreamShape;
  /** Partitions of its journal: 1 where the stream has none. */
  readonly count: number;
}

/** More than a stream may have: what a foreign program has written is not believed. */
const maxPartitions = 65_536;

/** The streams that have a journal, by name. @internal */
export async function journalStreams(
  engine: JournalEngine,
  namespace: string,
): Promise<JournalStream[]> {
  const streams = await engine.streams();
  return streams
    .map(({ cache, name, shape: text }) => {
      const { shape } = decodeShape(text);
      const count = shape.partitions ?? 1;
      return { engine, address: { namespace, cache, name }, shape, count };
    })
    .sort(({ address: a }, { address: b }) => (textOf(a) < textOf(b) ? -1 : 1));
}

const textOf = ({ cache, name }: StreamAddress): string => `${cache}:${name}`;

/**
 * The stream that is meant.
 *
 * @throws (as a rejection) NotFound
 * @internal
 */
export async function journalStream(
  engine: JournalEngine,
  { cache, name, namespace }: Pick<StreamPlaceOptions, "cache" | "name" | "namespace">,
): Promise<JournalStream> {
  const found = (await journalStreams(engine, namespace)).find(
    ({ address }) => address.cache === cache && address.name === name,
  );
  const instance = name === cache ? "" : `, instance ${name}`;
  const what = `the stream of cache ${cache}${instance} in namespace ${namespace}`;
  if (found === undefined) throw new NoJournal(`there is no journal of ${what}`);
  if (!(found.count >= 1 && found.count <= maxPartitions))
    throw new NotFound(`the shape that is stored of ${what} can't be read`);
  return found;
}

/**
 * Fails where the stream has no such partition.
 *
 * @throws NotFound
 * @internal
 */
export function checkPartition({ address, count }: JournalStream, partition: number | null): void {
  if (partition === null || partition < count) return;
  throw new NotFound(
    `there is no partition ${partition} of stream ${address.name}, which has ${count === 1 ? "one partition" : `partitions 0 to ${count - 1}`}`,
  );
}
