import type { Milliseconds } from "../options.js";
import type { ExitReason } from "./exit.js";
import type { Task } from "./mailbox.js";
import { copyKey, thisCopy } from "../package-copy.js";

/** What a monitor gets, once: which actor ended, and why (`"noproc"`: it was dead already). */
export interface Down<Msg = unknown> {
  /** The actor that ended. */
  ref: ActorRef<Msg>;
  /** Why it ended; `"noproc"`: it was dead already. */
  reason: ExitReason;
}

/** Where the answer to a query goes. */
export interface ReplyTo<Reply> {
  /** Answers the query; further answers are dropped. */
  dispatch(reply: Reply): void;
}

/** The incarnation that a ref refers to. @internal */
export interface Target {
  readonly id: string;
  readonly path: string;
  readonly alive: boolean;
  /** Whether its end has been requested, is under way, or is over. */
  readonly stopping: boolean;
  /** Whether its `init` has not settled. */
  readonly starting: boolean;
  /** When it began, by the system's clock. */
  readonly startedAt: Milliseconds;
  /** How many messages are in its mailbox. */
  readonly waiting: number;
  /** Whether a supervisor reports its end. */
  supervised: boolean;
  dispatch(message: unknown): void;
  query<Reply>(make: (replyTo: ReplyTo<Reply>) => unknown, timeout: Milliseconds): Promise<Reply>;
  stop(reason: ExitReason, timeout?: Milliseconds): Promise<void>;
  kill(): Promise<void>;
  monitor(fn: (down: Down) => void): () => void;
  /**
   * Calls `hook`, which must not throw, inside the death of this incarnation, before any monitor;
   * at once if it is dead. Returns a function that removes the hook.
   */
  onDeath(hook: (reason: ExitReason) => void): () => void;
  post(task: Task): void;
  /** Whether a task that is posted now waits for nothing but a turn of the event loop. */
  readonly idle: boolean;
  /** Lets the other actors run before the next message of this one. */
  yieldTurn(): void;
  /** Lets the turn that has begun go on until `end`, where it would end before. */
  extendTurn(end: Milliseconds): void;
}

/**
 * A reference to one incarnation of an actor. Each incarnation has one such object, the same in
 * every API, so that `===` compares incarnations. A restarted actor has a new one; the old one
 * never reaches it.
 */
export class ActorRef<Msg = unknown> {
  readonly #target: Target;

  /** @internal */
  constructor(target: Target) {
    this.#target = target;
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  /** The id in the tree; not unique in a system. */
  get id(): string {
    return this.#target.id;
  }

  /** The ids from the system down to this actor, separated by `/`. */
  get path(): string {
    return this.#target.path;
  }

  /** Whether this incarnation has not ended yet. */
  get alive(): boolean {
    return this.#target.alive;
  }

  /** Puts a message into the mailbox and returns at once. A message to a dead actor is dropped. */
  dispatch(message: Msg): void {
    this.#target.dispatch(message);
  }

  /**
   * Sends the message that `make` returns, and resolves to what the actor dispatches to `replyTo`.
   *
   * @param timeout milliseconds, above 0
   * @throws {@link QueryTimeoutError} (as a rejection) when there is no answer in time
   * @throws {@link ActorExitError} (as a rejection) when the actor is dead, or ends before it
   * answers
   */
  query<Reply>(make: (replyTo: ReplyTo<Reply>) => Msg, timeout: Milliseconds): Promise<Reply> {
    return this.#target.query(make, timeout);
  }

  /**
   * Ends this incarnation in order: the current message is finished, the rest of the mailbox is
   * dropped, `terminate` runs. Settles when it is dead. What its supervisor then does depends on
   * the reason and on the restart type.
   *
   * @param reason default `"normal"`
   * @param timeout milliseconds after which it is killed; default: none
   */
  stop(reason: ExitReason = "normal", timeout?: Milliseconds): Promise<void> {
    return this.#target.stop(reason, timeout);
  }

  /**
   * Ends this incarnation at once, with the reason `"killed"` and without `terminate`. JavaScript
   * can't interrupt a running function: it goes on, but its result or error is discarded.
   */
  kill(): Promise<void> {
    return this.#target.kill();
  }

  /**
   * Calls `fn` once when this incarnation has ended, never inside this call. If it had ended
   * before, the reason is `"noproc"`.
   *
   * @returns a function that cancels the monitor
   */
  monitor(fn: (down: Down<Msg>) => void): () => void {
    return this.#target.monitor(fn as (down: Down) => void);
  }

  /** `ActorRef(path)`, for messages and logs. */
  toString(): string {
    return `ActorRef(${this.path})`;
  }

  /** @internal */
  static isRef(value: unknown): value is ActorRef {
    return typeof value === "object" && value !== null && #target in value;
  }

  /** @internal */
  static targetOf(ref: ActorRef<never>): Target {
    return ref.#target;
  }
}
