import { RefusedError, type Session } from "../pubsub/broker-session.js";
import { headersFactory, type MsgHdrs, type NatsConnection } from "../pubsub/nats-client.js";
import type { NatsSession } from "../pubsub/nats-session.js";
import { AckInbox } from "./ack-inbox.js";
import {
  apiCodes,
  asJetStreamFailure,
  codeOf,
  type JetStreamClients,
  jetStreamClients,
  type JetStreamClient,
  type JetStreamManager,
  NoJournalError,
} from "./jetstream-client.js";
import { NatsBucket, openBucket, type OpenBucket } from "./nats-bucket.js";
import type { NatsNames } from "./nats-names.js";
import type { Milliseconds } from "../options.js";

/** @internal */
export interface JetStreamSessionOptions {
  readonly names: NatsNames;
  readonly replicas: number;
  /** Of requests. */
  readonly timeout: Milliseconds;
  /** Whether buckets that are missing are not created. */
  readonly observes: boolean;
}

/** A connection to JetStream until it is lost, with the journal's buckets. @internal */
export class JetStreamSession implements Session {
  readonly connection: NatsConnection;
  readonly clients: JetStreamClients;
  readonly js: JetStreamClient;
  readonly jsm: JetStreamManager;
  readonly timeout: Milliseconds;
  readonly replicas: number;
  /** What changes: shapes, generations, nodes and groups. */
  readonly state: NatsBucket;
  readonly deadLetters: NatsBucket;
  readonly acks: AckInbox;
  readonly newHeaders: () => MsgHdrs;
  /** Called when `state` was lost and has been created again. */
  stateLost: () => void = () => {};
  readonly #link: NatsSession;
  readonly #pending = new Set<(error: Error) => void>();
  #ended: Error | undefined;

  private constructor(
    link: NatsSession,
    { names, replicas, timeout }: JetStreamSessionOptions,
    clients: JetStreamClients,
    buckets: Record<"state" | "dead", OpenBucket>,
    newHeaders: () => MsgHdrs,
  ) {
    this.#link = link;
    this.connection = link.connection;
    this.clients = clients;
    this.js = clients.js;
    this.jsm = clients.jsm;
    this.timeout = timeout;
    this.replicas = replicas;
    this.state = new NatsBucket(this, names.stateBucket, buckets.state, () => this.stateLost());
    this.deadLetters = new NatsBucket(this, names.deadBucket, buckets.dead, () => {});
    this.acks = new AckInbox(link.connection);
    this.newHeaders = newHeaders;
  }

  /** @throws (as a rejection) RefusedError where another attempt would not help */
  static async open(
    link: NatsSession,
    options: JetStreamSessionOptions,
  ): Promise<JetStreamSession> {
    const { names, replicas, timeout, observes } = options;
    checkServer(link.connection.info?.version, replicas);
    try {
      const clients = await jetStreamClients(
        link.connection,
        observes ? undefined : replicas,
        timeout,
      );
      const state = await openBucket(clients, names.stateBucket);
      const dead = await openBucket(clients, names.deadBucket);
      return new JetStreamSession(link, options, clients, { state, dead }, await headersFactory());
    } catch (error) {
      if (observes && codeOf(error) === apiCodes.streamNotFound) throw new NoJournalError(error);
      throw asJetStreamFailure(error);
    }
  }

  /** Less what the headers of an entry take, but for the node's name. */
  get maxPayload(): number | undefined {
    const { maxPayload } = this.#link;
    return maxPayload === undefined ? undefined : Math.max(0, maxPayload - headerBytes);
  }

  /** Whether a request that is sent now can be answered. */
  get isUp(): boolean {
    // Without the server's info, a connection of the user's is reconnecting, and would keep
    // requests until then.
    return this.#ended === undefined && this.connection.info !== undefined;
  }

  get endedWith(): Error | undefined {
    return this.#ended;
  }

  /** What `work` settles with; rejects when the session ends before. */
  async run<T>(work: Promise<T>): Promise<T> {
    if (this.#ended !== undefined) {
      work.catch(() => {});
      throw this.#ended;
    }
    let fail: (error: Error) => void = () => {};
    const ended = new Promise<never>((_, reject) => {
      fail = reject;
    });
    this.#pending.add(fail);
    try {
      return await Promise.race([work, ended]);
    } catch (error) {
      work.catch(() => {});
      throw error;
    } finally {
      this.#pending.delete(fail);
    }
  }

  /** Has `fn` called when the session ends, until the returned function is. */
  onEnd(fn: (error: Error) => void): () => void {
    this.#pending.add(fn);
    return () => void this.#pending.delete(fn);
  }

  flush(): Promise<void> {
    return this.#link.flush();
  }

  destroy(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.acks.close();
    for (const fail of this.#pending) fail(error);
    this.#pending.clear();
    this.#link.destroy(error);
  }
}

const oldest = [2, 9, 0] as const;
/** Before it, a replicated stream may take two messages of which one has to be refused. */
const oldestReplicated = [2, 10, 19] as const;

/** @throws RefusedError @internal */
export function checkServer(version: string | undefined, replicas: number): void {
  const needed = replicas > 1 ? oldestReplicated : oldest;
  const parts = /^v?(\d+)\.(\d+)\.(\d+)/
    .exec(version ?? "")
    ?.slice(1)
    .map(Number);
  const at = parts?.findIndex((part, index) => part !== needed[index]) ?? -1;
  if (parts === undefined || at === -1 || (parts[at] as number) > (needed[at] as number)) return;
  throw new RefusedError(
    undefined,
    `a journal with replicas: ${replicas} needs nats-server ${needed.join(".")} or newer, this one is ${version}`,
  );
}

/** The server's limit counts the headers, too. */
const headerBytes = 512;
