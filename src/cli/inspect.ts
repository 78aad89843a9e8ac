import { findPage, readAssets } from "../inspector/assets.js";
import { InspectorServer } from "../inspector/server.js";
import { OptionError } from "../errors.js";
import type { Milliseconds } from "../options.js";
import { toError } from "../pubsub/broker-session.js";
import type { InspectOptions, StreamOptions } from "./arguments.js";
import { BrokerFailure, busIn, connect, connected, makePubSub, type Session } from "./broker.js";
import { ClusterSource } from "./cluster-source.js";
import { openJournal } from "./journal.js";
import { LateJournal } from "./late-journal.js";
import { aborted, type Output } from "./output.js";
import { jsonText, printable } from "./show-event.js";
import { UsageError } from "./usage.js";

/**
 * Serves the inspector's page about the nodes of a stream, until interrupted.
 *
 * @throws (as a rejection) BrokerFailure; UsageError for a port that is in use
 * @internal
 */
export async function inspect(options: InspectOptions, output: Output): Promise<void> {
  const page = findPage();
  if (page === undefined) throw new Error("the inspector's page is not beside the program");
  await using cluster = await openCluster(options, output.signal);
  const server = new InspectorServer(cluster.source, {
    port: options.port,
    host: "127.0.0.1",
    hosts: [],
    token: undefined,
    actions: false,
    values: options.values,
    assets: readAssets(page),
    acted: () => {},
  });
  try {
    const { url } = await server.listen();
    output.write(options.json ? jsonText({ url }) : `${url}\n`);
    const { trouble } = cluster.source.about();
    if (trouble !== null) output.say(printable(`${trouble}; trying again`));
  } catch (error) {
    throw error instanceof OptionError
      ? new UsageError(error.message.replace(/^invalid value for option "port"/, "option --port"))
      : error;
  }
  try {
    await Promise.race([aborted(output.signal), cluster.failed]);
  } finally {
    await server.close();
  }
}

/** Milliseconds that a broker has for a connection, at least. */
const minWait: Milliseconds = 1000;

/** A source about a cluster, with its connections. @internal */
export interface OpenCluster extends AsyncDisposable {
  readonly source: ClusterSource;
  /** Rejects with BrokerFailure when nothing is left to look at. */
  readonly failed: Promise<never>;
}

/**
 * Connects to the pubsub and to the journals of a broker. What can't be reached now is connected to
 * later; until then, the source says so.
 *
 * @throws (as a rejection) BrokerFailure where the broker refuses both
 * @internal
 */
export async function openCluster(
  options: StreamOptions,
  signal: AbortSignal,
): Promise<OpenCluster> {
  const { broker, cache, name, namespace, heartbeat } = options;
  const journal = new LateJournal((closing) =>
    openJournal(options, AbortSignal.any([signal, closing]), Math.max(minWait, heartbeat)),
  );
  const [pubsub] = await Promise.allSettled([openPubSub(options, signal), journal.connect()]);
  const opened = pubsub.status === "fulfilled" ? pubsub.value : undefined;
  const close = async (): Promise<void> => {
    await journal[Symbol.asyncDispose]();
    await opened?.session[Symbol.asyncDispose]();
  };
  const refused = pubsub.status === "rejected" ? toError(pubsub.reason) : undefined;
  const defect = [refused, journal.failure].find(
    (error) => error !== undefined && !(error instanceof BrokerFailure),
  );
  const fatal = defect ?? (journal.engine === undefined ? refused : undefined);
  if (fatal !== undefined) {
    await close();
    throw fatal;
  }
  const source = new ClusterSource({
    cache,
    name,
    namespace,
    title: `${name} on ${broker.shown}`,
    bus: opened?.bus ?? (refused as Error),
    journal,
  });
  const failed = opened?.session.failed ?? new Promise<never>(() => {});
  return { source, failed, [Symbol.asyncDispose]: close };
}

async function openPubSub(
  options: StreamOptions,
  signal: AbortSignal,
): Promise<{ session: Session; bus: ReturnType<typeof busIn> }> {
  const pubsub = await makePubSub(options);
  const session = await connect(pubsub, options.broker);
  const bus = busIn(pubsub);
  await Promise.race([connected(bus, options.heartbeat, signal), session.failed]).catch(
    async (error: unknown) => {
      await session[Symbol.asyncDispose]();
      throw error;
    },
  );
  return { session, bus };
}
