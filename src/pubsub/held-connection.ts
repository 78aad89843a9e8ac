import { ActorRef } from "../actor/ref.js";
import type { ActorContext } from "../actor/types.js";
import { callSafely } from "../callbacks.js";
import { SupervisorError } from "../errors.js";
import { callable } from "../options.js";
import { type MetricSource, removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import type { PubSubStatus } from "./transport.js";

/** A connection that reconnects by itself. @internal */
export interface Connectable {
  readonly status: PubSubStatus;
  /** Idempotent; never rejects. */
  close(): Promise<void>;
}

/**
 * The connection of the current incarnation of an actor, and its status for others.
 *
 * @internal
 */
export class HeldConnection<C extends Connectable> {
  readonly #kind: "pubsub" | "journal";
  readonly #nodeName: string;
  readonly #report: (what: string, error: unknown) => void;
  readonly #watchers = new Set<(status: PubSubStatus) => void>();
  #owner: ActorRef | undefined;
  #current: C | undefined;
  #status: PubSubStatus = "closed";

  /** @param report is given what a function that watches the status throws */
  constructor(
    kind: "pubsub" | "journal",
    nodeName: string,
    report: (what: string, error: unknown) => void,
  ) {
    this.#kind = kind;
    this.#nodeName = nodeName;
    this.#report = report;
  }

  /** That of the last incarnation, if there was one. */
  get current(): C | undefined {
    return this.#current;
  }

  get status(): PubSubStatus {
    return this.#status;
  }

  onStatus(fn: (status: PubSubStatus) => void): () => void {
    callable("fn", fn);
    // The same function given twice is called twice.
    const watcher = (status: PubSubStatus): void => fn(status);
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /**
   * Begins an incarnation, at whose end the connection is closed.
   *
   * @param make is given what the connection has to call when its status changes
   * @throws SupervisorError `already_started`
   */
  begin(ctx: ActorContext, make: (changed: () => void) => C): C {
    const [kind, nodeName] = [this.#kind, this.#nodeName];
    if (this.#owner?.alive === true)
      throw new SupervisorError("already_started", `${kind} already started: ${nodeName}`, {
        ref: this.#owner,
      });
    this.#owner = ctx.self as ActorRef;
    const connection = make(() => {
      if (this.#current === connection) this.#setStatus(connection.status);
    });
    this.#current = connection;
    this.#setStatus(connection.status);
    const metrics: MetricSource = {
      measure: (into) => {
        for (const status of ["connected", "reconnecting"] as const)
          into.add(`nebulex.${kind}.status`, connection.status === status ? 1 : 0, {
            node: nodeName,
            status,
          });
      },
    };
    observe(metrics);
    ActorRef.targetOf(ctx.self).onDeath(() => {
      removeSource(metrics);
      void connection.close();
    });
    return connection;
  }

  #setStatus(status: PubSubStatus): void {
    if (status === this.#status) return;
    this.#status = status;
    const what = `a watcher of the status of ${this.#kind} ${this.#nodeName} failed`;
    for (const watcher of this.#watchers)
      callSafely(watcher, status, (error) => this.#report(what, error));
  }
}
