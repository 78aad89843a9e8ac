import type { ActorContext } from "../actor/types.js";
import { withTimeout } from "../clock.js";
import { type JournalFailure, JournalError, show } from "../errors.js";
import { copyKey, thisCopy } from "../package-copy.js";
import { codecOf } from "../pubsub/frame.js";
import { RefusedError } from "../pubsub/broker-session.js";
import { HeldConnection } from "../pubsub/held-connection.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { actor } from "../supervisor/specs.js";
import { channels, reportCallbackError, warnOfError } from "../telemetry/channels.js";
import type { JournalEngine, JournalEngineFactory } from "./engine.js";
import type { ResolvedJournalOptions } from "./journal-options.js";
import {
  type JournalPort,
  journalPort,
  type JournalStatus,
  type JournalWithPort,
} from "./types.js";

/** Events in one entry, at most, where the engine has no bound of its own. */
const defaultMaxEvents = 1024;

/**
 * A node's journal over any engine: the connection of the current incarnation of its actor.
 *
 * @internal
 */
export class NodeJournal implements JournalWithPort {
  readonly nodeName: string;
  readonly [journalPort]: JournalPort;
  readonly #options: ResolvedJournalOptions;
  readonly #makeEngine: JournalEngineFactory;
  readonly #held: HeldConnection<EngineConnection>;

  constructor(options: ResolvedJournalOptions, makeEngine: JournalEngineFactory) {
    this.nodeName = options.nodeName;
    this.#options = options;
    this.#makeEngine = makeEngine;
    this.#held = new HeldConnection("journal", options.nodeName, (what, error) =>
      reportCallbackError(channels.callbackError, what, error),
    );
    this[journalPort] = this.#makePort();
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  get status(): JournalStatus {
    return this.#held.status;
  }

  childSpec(): ChildSpec {
    return actor<EngineConnection>({
      id: `journal:${this.nodeName}`,
      init: (ctx) => this.#start(ctx),
      receive: () => {},
      terminate: (_reason, connection) => connection.close(),
    });
  }

  onStatus(fn: (status: JournalStatus) => void): () => void {
    return this.#held.onStatus(fn);
  }

  async #start(ctx: ActorContext): Promise<EngineConnection> {
    const connection = this.#held.begin(
      ctx,
      (changed) => new EngineConnection(this.#engineFor(ctx), changed),
    );
    await this.#opened(connection, ctx);
    return connection;
  }

  /** An engine that says nothing at all doesn't hold up the start for ever. */
  async #opened(connection: EngineConnection, ctx: ActorContext): Promise<void> {
    const failed = (cause: unknown): never => {
      void connection.close();
      const reason = cause instanceof RefusedError ? cause.message : show(cause);
      throw this.#error("connect_failed", `could not be started: ${reason}`, cause);
    };
    await Promise.resolve(connection.engine.load?.()).catch(failed);
    const opening = connection.open().catch(failed);
    const stopLate = (): void => void opening.catch((error: unknown) => ctx.stop(error));
    await withTimeout(ctx.system.clock, this.#options.heartbeat, opening, stopLate, ctx.signal);
    if (connection.status === "reconnecting")
      warnOfError(
        `journal ${this.nodeName}: no connection yet, it is tried again`,
        connection.trouble,
      );
  }

  #engineFor(ctx: ActorContext): JournalEngine {
    const { nodeName, namespace, retain, retainFor, capacity } = this.#options;
    const { clock, random } = ctx.system;
    const context = { nodeName, namespace, retain, retainFor, capacity, clock, random };
    try {
      return this.#makeEngine(context);
    } catch (cause) {
      throw this.#error("connect_failed", `could not be started: ${show(cause)}`, cause);
    }
  }

  #makePort(): JournalPort {
    const { namespace, heartbeat, codec } = this.#options;
    const engine = (): JournalEngine | undefined => this.#held.current?.engine;
    const status = (): JournalStatus => this.#held.status;
    const trouble = (): unknown => this.#held.current?.trouble;
    const maxSize = (): number =>
      Math.min(this.#options.maxMessageSize, engine()?.maxPayload ?? Infinity);
    return {
      nodeName: this.nodeName,
      namespace,
      heartbeat,
      codec: codecOf(codec),
      get status() {
        return status();
      },
      get maxEvents() {
        return engine()?.maxEvents ?? defaultMaxEvents;
      },
      get maxMessageSize() {
        return maxSize();
      },
      get kind() {
        return engine()?.kind ?? "journal";
      },
      get trouble() {
        return trouble();
      },
      engine: () => this.#requireEngine(),
      onStatus: (fn) => this.onStatus(fn),
    };
  }

  #requireEngine(): JournalEngine {
    if (this.#held.status === "connected") return (this.#held.current as EngineConnection).engine;
    throw this.#held.status === "closed"
      ? this.#error("closed", "is not started, or stopped")
      : this.#error("not_connected", "has no connection");
  }

  #error(reason: JournalFailure, what: string, cause?: unknown): JournalError {
    return new JournalError(
      reason,
      this.nodeName,
      `journal ${this.nodeName} ${what}`,
      cause === undefined ? undefined : { cause },
    );
  }
}

/** The engine of one incarnation of a journal's actor, from its opening to its closing. */
class EngineConnection {
  readonly engine: JournalEngine;
  readonly #onStatus: () => void;
  #up = false;
  #closed = false;
  #lastError: unknown = "the engine can't be reached";
  #closing: Promise<void> | undefined;

  constructor(engine: JournalEngine, onStatus: () => void) {
    this.engine = engine;
    this.#onStatus = onStatus;
  }

  get status(): JournalStatus {
    if (this.#closed) return "closed";
    return this.#up ? "connected" : "reconnecting";
  }

  get trouble(): unknown {
    return this.#up ? undefined : this.#lastError;
  }

  open(): Promise<void> {
    return this.engine.open({
      status: (status, error) => {
        if (this.#closed) return;
        if (error !== undefined) this.#lastError = error;
        this.#up = status === "connected";
        this.#onStatus();
      },
    });
  }

  /** Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#onStatus();
    try {
      await this.engine.close();
    } catch {
      // The connection has ended anyway.
    }
  }
}
