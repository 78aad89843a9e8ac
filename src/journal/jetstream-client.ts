import type {
  ConsumerInfo,
  JetStreamClient,
  JetStreamManager,
  StoredMsg,
  StreamConfig,
  StreamInfo,
} from "@nats-io/jetstream";
import type { KV, KvEntry } from "@nats-io/kv";
import { loadPeer, RefusedError, toError } from "../pubsub/broker-session.js";
import { asFailure, type NatsConnection } from "../pubsub/nats-client.js";

export type {
  ConsumerInfo,
  JetStreamClient,
  JetStreamManager,
  KV,
  KvEntry,
  StoredMsg,
  StreamConfig,
  StreamInfo,
};

/** Bundlers accept a package that is missing only where its import handles errors. */
const rethrow = (error: unknown): never => {
  throw error as Error;
};
const loadJetStream = () =>
  loadPeer("@nats-io/jetstream", () => import("@nats-io/jetstream").catch(rethrow));
const loadKeyValue = () => loadPeer("@nats-io/kv", () => import("@nats-io/kv").catch(rethrow));

/** @throws (as a rejection) MissingPackageError @internal */
export async function loadJournalPackages(): Promise<void> {
  await loadJetStream();
  await loadKeyValue();
}

/** The clients of a connection. @internal */
export interface JetStreamClients {
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  /** Opens a bucket; where it does not exist, it is created, unless that is not wanted. */
  bucket(name: string): Promise<KV>;
}

/**
 * @param replicas of what is created; undefined: no bucket is
 * @param timeout of requests, in milliseconds
 * @throws (as a rejection) RefusedError where JetStream is not enabled
 * @internal
 */
export async function jetStreamClients(
  connection: NatsConnection,
  replicas: number | undefined,
  timeout: number,
): Promise<JetStreamClients> {
  const { jetstream, jetstreamManager } = await loadJetStream();
  const { Kvm } = await loadKeyValue();
  const jsm = await jetstreamManager(connection, { timeout });
  const js = jetstream(connection, { timeout });
  const kvm = new Kvm(js);
  // What a follower answers may be older than what was written.
  const options = { allow_direct: false, timeout };
  const description = "nebulex-streams: journals";
  return {
    js,
    jsm,
    bucket: async (name) => {
      if (replicas === undefined) return await kvm.open(name, options);
      const create = (): Promise<KV> =>
        kvm.create(name, { ...options, description, replicas, history: 1 });
      return await create().catch((error: unknown) => {
        // The server answers so, too, where another node creates the same bucket: then it is there.
        if (codeOf(error) === apiCodes.subjectsOverlap) return create();
        throw error;
      });
    },
  };
}

/** Nothing has been created that holds journals. @internal */
export class NoJournalError extends RefusedError {
  constructor(error: unknown) {
    super(error, "no stream has a journal in this namespace");
    this.name = "NoJournalError";
  }
}

/** What happens to the keys of a bucket from now on, until `stop`. @internal */
export async function watchKeys(
  bucket: KV,
  filter: string,
): Promise<AsyncIterable<KvEntry> & { stop(): void }> {
  const { KvWatchInclude } = await loadKeyValue();
  return bucket.watch({ key: filter, include: KvWatchInclude.UpdatesOnly });
}

/** Configurations in the types of the package, of which some are enumerations. @internal */
export async function logConfig(
  config: Pick<StreamConfig, "name" | "subjects" | "description" | "max_msgs" | "num_replicas">,
): Promise<Partial<StreamConfig> & { name: string }> {
  const { DiscardPolicy, RetentionPolicy, StorageType } = await loadJetStream();
  return {
    ...config,
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    // A single message that is missing would be a hole.
    deny_delete: true,
  };
}

/** Whether a stream or a bucket is gone. @internal */
export function isGone(error: unknown): boolean {
  return (
    codeOf(error) === apiCodes.streamNotFound ||
    // What is published to a stream that does not exist is answered so.
    (error instanceof Error && error.name === "JetStreamNotEnabled")
  );
}

/** Whether JetStream is not enabled, so that there can be no journals. @internal */
export function isWithoutJetStream(error: unknown): boolean {
  return error instanceof RefusedError && toError(error.cause).name === "JetStreamNotEnabled";
}

/** Creates a consumer that is read by pulling, and ends when nobody does. @internal */
export async function newPullConsumer(
  jsm: JetStreamManager,
  stream: string,
  firstSequence: number,
  inactiveNanos: number,
): Promise<ConsumerInfo> {
  const { AckPolicy, DeliverPolicy } = await loadJetStream();
  return jsm.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: firstSequence,
    inactive_threshold: inactiveNanos,
    mem_storage: true,
    num_replicas: 1,
  });
}

/** Error codes of JetStream. @internal */
export const apiCodes = {
  consumerNotFound: 10_014,
  messageNotFound: 10_037,
  nameInUse: 10_058,
  streamNotFound: 10_059,
  subjectsOverlap: 10_065,
} as const;

const wrongLastCodes: ReadonlySet<number | undefined> = new Set([10_071, 10_164]);

/** Whether nothing was stored, since the last message is another one. @internal */
export function isWrongLast(code: number | undefined): boolean {
  return wrongLastCodes.has(code);
}

/** The code that JetStream has answered with. @internal */
export function codeOf(error: unknown): number | undefined {
  const code: unknown =
    typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
  return typeof code === "number" ? code : undefined;
}

/** Answers that would be the same the next time, with what can be done about them. */
const refusals: ReadonlyMap<number, string> = new Map([
  [10_039, "enable JetStream for this account, or use another one"],
  [10_052, "the server does not accept the configuration"],
  [10_065, "another stream has subjects of this namespace: choose another namespace"],
  [10_074, 'this server is no cluster: leave out "replicas", or set it to 1'],
]);

/** An error of JetStream's, as a {@link RefusedError} where another attempt would not help. @internal */
export function asJetStreamFailure(error: unknown): Error {
  const failure = toError(error);
  const cause = failure.name === "RequestError" ? (failure.cause ?? failure) : failure;
  if (failure.name === "JetStreamNotEnabled")
    return new RefusedError(
      failure,
      "JetStream is not enabled on the server, or not for this account: start nats-server with -js, or set jetstream in its configuration",
    );
  const advice = refusals.get(codeOf(cause) ?? 0);
  if (advice !== undefined)
    return new RefusedError(failure, `JetStream has refused it: ${failure.message} (${advice})`);
  if (toError(cause).name === "PermissionViolationError")
    return new RefusedError(
      failure,
      `the server refused it: ${toError(cause).message} (a journal needs permission to publish on and subscribe to $JS.API.>, $KV.>, _INBOX.> and <namespace>.journal.>)`,
    );
  return asFailure(cause);
}
