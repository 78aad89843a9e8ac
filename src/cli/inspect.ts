import { findPage, readAssets } from "../inspector/assets.js";
import { InspectorServer } from "../inspector/server.js";
import { OptionError } from "../errors.js";
import type { InspectOptions, StreamOptions } from "./arguments.js";
import { BrokerFailure, busIn, connect, connected, makePubSub, type Session } from "./broker.js";
import { ClusterSource } from "./cluster-source.js";
import { NoJournal, openJournal } from "./journal.js";
import { aborted, type Output } from "./output.js";
import { jsonText } from "./show-event.js";
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

/** A source about a cluster, with its connections. @internal */
export interface OpenCluster extends AsyncDisposable {
  readonly source: ClusterSource;
  /** Rejects with BrokerFailure when nothing is left to look at. */
  readonly failed: Promise<never>;
}

/**
 * Connects to the pubsub and to the journals of a broker. One of them is enough.
 *
 * @throws (as a rejection) BrokerFailure where neither can be used
 * @internal
 */
export async function openCluster(
  options: StreamOptions,
  signal: AbortSignal,
): Promise<OpenCluster> {
  const { broker, cache, name, namespace } = options;
  const [pubsub, journal] = await Promise.allSettled([
    openPubSub(options, signal),
    openJournal(options, signal),
  ]);
  const opened = [
    ...(pubsub.status === "fulfilled" ? [pubsub.value.session] : []),
    ...(journal.status === "fulfilled" ? [journal.value] : []),
  ];
  const close = async (): Promise<void> => {
    for (const one of opened) await one[Symbol.asyncDispose]();
  };
  const failures = [pubsub, journal].flatMap((one) =>
    one.status === "rejected" ? [one.reason as unknown] : [],
  );
  const [first] = failures;
  if (failures.length === 2 || failures.some((failure) => !isExpected(failure))) {
    await close();
    throw failures.find((failure) => !isExpected(failure)) ?? first;
  }
  const source = new ClusterSource({
    cache,
    name,
    namespace,
    title: `${name} on ${broker.shown}`,
    bus: pubsub.status === "fulfilled" ? pubsub.value.bus : undefined,
    engine: journal.status === "fulfilled" ? journal.value.engine : undefined,
  });
  const failed =
    pubsub.status === "fulfilled" ? pubsub.value.session.failed : new Promise<never>(() => {});
  return { source, failed, [Symbol.asyncDispose]: close };
}

/** There may be no journal, or none that can be used. */
function isExpected(error: unknown): boolean {
  return error instanceof NoJournal || error instanceof BrokerFailure;
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
