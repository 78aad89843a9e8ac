import { NebulexError, show } from "./errors/base.js";

export { NebulexError, OptionError, show } from "./errors/base.js";
export {
  CacheNotStartedError,
  FetchTimeoutError,
  FlightCycleError,
  KeyNotFoundError,
  ListenerExistsError,
} from "./errors/cache.js";
export { StoreUnavailableError } from "./errors/store.js";

/** A key was hashed before the hash was loaded. */
export class HashNotReadyError extends NebulexError {
  readonly code = "E_HASH_NOT_READY";
  override readonly name: string = "HashNotReadyError";

  constructor() {
    super(
      "the hash is not loaded yet: call defaultHash after a stream has started (await startSupervisor), or await hashReady first",
    );
  }
}

/** OTP's atom for the reason of a supervisor's refusal or failure; never nested. */
export type SupervisorErrorReason =
  | "already_started"
  | "already_present"
  | "running"
  | "restarting"
  | "not_found"
  | "failed_to_start_child"
  | "duplicate_child_name"
  | "bad_combination"
  | "bad_return"
  | "max_children"
  | "simple_one_for_one"
  | "noproc";

/** What else is known about a {@link SupervisorError}. */
export interface SupervisorErrorDetails extends ErrorOptions {
  /** The child that it is about. */
  childId?: string | undefined;
  /** The actor that it is about. */
  ref?: unknown;
}

/**
 * A request that a supervisor refused, or a start that failed (the child's own error is the
 * `cause`).
 */
export class SupervisorError extends NebulexError {
  readonly code = "E_SUPERVISOR";
  override readonly name: string = "SupervisorError";
  /** OTP's name for the failure. */
  readonly reason: SupervisorErrorReason;
  /** The child that it is about, where there is one. */
  readonly childId: string | undefined;
  /** The actor that it is about, where there is one (e.g. the one that is `already_started`). */
  readonly ref: unknown;

  constructor(
    reason: SupervisorErrorReason,
    message: string,
    details: SupervisorErrorDetails = {},
  ) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.reason = reason;
    this.childId = details.childId;
    this.ref = details.ref;
  }
}

/** The actor that was asked is dead (`noproc`), or ended before it answered (its exit reason). */
export class ActorExitError extends NebulexError {
  readonly code = "E_ACTOR_EXIT";
  override readonly name: string = "ActorExitError";
  /** The exit reason; `"noproc"` for an actor that was dead already. */
  readonly reason: unknown;

  constructor(id: string, reason: unknown) {
    super(
      reason === "noproc"
        ? `actor is not alive: ${id}`
        : `actor ended before it answered: ${id}, reason: ${show(reason)}`,
      reason instanceof Error ? { cause: reason } : undefined,
    );
    this.reason = reason;
  }
}

/** A query that was not answered in time. */
export class QueryTimeoutError extends NebulexError {
  readonly code = "E_QUERY_TIMEOUT";
  override readonly name: string = "QueryTimeoutError";
  /** How long the asker waited, in milliseconds. */
  readonly timeout: number;

  constructor(id: string, timeout: number) {
    super(`query to actor ${id} timed out after ${timeout} ms`);
    this.timeout = timeout;
  }
}

/** A registration that was refused: the key is taken, or the actor is dead. */
export class RegistryError extends NebulexError {
  readonly code = "E_REGISTRY";
  override readonly name: string = "RegistryError";
  /** Whether the key is taken, or the actor dead. */
  readonly reason: "already_registered" | "noproc";
  /** `already_registered`: the actor that holds the key; `noproc`: the dead one. */
  readonly ref: unknown;

  constructor(reason: "already_registered" | "noproc", key: unknown, ref: unknown) {
    super(
      reason === "noproc"
        ? `cannot register ${show(key)}: the actor is not alive`
        : `cannot register ${show(key)}: already registered`,
    );
    this.reason = reason;
    this.ref = ref;
  }
}

/** There is no stream server for this cache instance. */
export class StreamNotFoundError extends NebulexError {
  readonly code = "E_STREAM_NOT_FOUND";
  override readonly name: string = "StreamNotFoundError";
  /** The instance's name. */
  readonly stream: string;

  constructor(name: string) {
    super(`stream server not found: ${name}`);
    this.stream = name;
  }
}

/** The group already has a live reader on that partition. */
export class GroupBusyError extends NebulexError {
  readonly code = "E_GROUP_BUSY";
  override readonly name: string = "GroupBusyError";
  /** The group's name. */
  readonly group: string;
  /** The partition; null on a stream without partitions. */
  readonly partition: number | null;

  constructor(group: string, partition: number | null) {
    super(
      `group ${show(group)} already has a reader on ${partition === null ? "the stream" : `partition ${partition}`}`,
    );
    this.group = group;
    this.partition = partition;
  }
}

/** `whenIdle` gave up waiting. */
export class IdleTimeoutError extends NebulexError {
  readonly code = "E_IDLE_TIMEOUT";
  override readonly name: string = "IdleTimeoutError";
  /** The instance's name. */
  readonly stream: string;
  /** How long it waited, in milliseconds. */
  readonly timeout: number;

  constructor(name: string, timeout: number) {
    super(`stream ${name} was not idle within ${timeout} ms`);
    this.stream = name;
    this.timeout = timeout;
  }
}

/**
 * Also true for an error of another realm: an error of a thread belongs to Node's own realm, even if
 * a test runner has made another one.
 */
const isError = (value: unknown): value is Error =>
  Object.prototype.toString.call(value) === "[object Error]";

/**
 * A worker thread that failed: its module could not be loaded, it exited, ran out of memory, or
 * hung.
 */
export class WorkerThreadError extends NebulexError {
  readonly code = "E_WORKER_THREAD";
  override readonly name: string = "WorkerThreadError";
  /** URL of the handler's module. */
  readonly module: string;

  constructor(module: string, how: string, cause?: unknown) {
    const why = cause === undefined ? "" : `: ${isError(cause) ? cause.message : show(cause)}`;
    super(`worker thread of ${module} ${how}${why}`, cause === undefined ? undefined : { cause });
    this.module = module;
  }
}

/** A failure of this node's connection to others. */
abstract class ConnectionError<Reason> extends NebulexError {
  /** What kind of failure it is. */
  readonly reason: Reason;
  /** The name of this node. */
  readonly node: string;

  constructor(reason: Reason, node: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.node = node;
  }
}

/** A message could not be sent, or a pubsub could not be started. */
export class PubSubError extends ConnectionError<PubSubFailure> {
  readonly code = "E_PUBSUB";
  override readonly name: string = "PubSubError";
}

/**
 * Why a {@link PubSubError}: the pubsub has not been started (`not_started`), there is no
 * connection (`not_connected`, `closed`), the broker did not take it (`publish_failed`), the
 * message can't be encoded (`not_encodable`) or is too large (`too_large`), the pubsub can't be
 * started (`connect_failed`), the broker does not permit a channel (`refused`), or another node has
 * its name (`node_name_taken`).
 */
export type PubSubFailure =
  | "not_connected"
  | "closed"
  | "publish_failed"
  | "not_encodable"
  | "too_large"
  | "connect_failed"
  | "refused"
  | "not_started"
  | "node_name_taken";

/** A journal could not be started or used. */
export class JournalError extends ConnectionError<JournalFailure> {
  readonly code = "E_JOURNAL";
  override readonly name: string = "JournalError";
}

/**
 * Why a {@link JournalError}: the journal has not been started (`not_started`), there is no
 * connection (`not_connected`, `closed`), the journal can't be started (`connect_failed`), or
 * another node has its name (`node_name_taken`).
 */
export type JournalFailure =
  "not_connected" | "closed" | "connect_failed" | "not_started" | "node_name_taken";

/** What the streams of one cache must have in common on all nodes. */
export interface StreamShape {
  /** Number of partitions; null: not partitioned. */
  readonly partitions: number | null;
  /** The hash function's name. */
  readonly hash: string;
  /** Version of the format of messages. */
  readonly version: number;
}

/**
 * Another node has a stream of the same cache whose shape differs, so that the two can't exchange
 * events.
 */
export class ShapeMismatchError extends NebulexError {
  readonly code = "E_SHAPE_MISMATCH";
  override readonly name: string = "ShapeMismatchError";
  /** The instance's name. */
  readonly stream: string;
  /** The shape of this node's stream. */
  readonly own: StreamShape;
  /** The shape of the other node's stream. */
  readonly other: StreamShape;
  /** The other node. */
  readonly node: string;

  constructor(stream: string, own: StreamShape, node: string, other: StreamShape) {
    super(
      `the stream ${stream} has ${showShape(own)} here, but ${showShape(other)} on node ${node}: all nodes must have the same`,
    );
    this.stream = stream;
    this.own = own;
    this.other = other;
    this.node = node;
  }
}

function showShape({ partitions, hash, version }: StreamShape): string {
  return `{ partitions: ${partitions}, hash: ${hash}, version: ${version} }`;
}

/**
 * A test framework had faked timers, in `node:timers` too, before this package was loaded. The
 * package can't reach Node's own timers, so that actors would never run. Timers that are faked
 * afterwards have no effect on it.
 */
export class FakeTimersError extends NebulexError {
  readonly code = "E_FAKE_TIMERS";
  override readonly name: string = "FakeTimersError";
  /** The functions that were fakes, e.g. `"setImmediate"`. */
  readonly functions: readonly string[];

  constructor(functions: readonly string[]) {
    const names = functions.map((name) => JSON.stringify(name)).join(", ");
    super(
      `${functions.join(", ")} had been faked before nebulex-streams was loaded, so actors would never run: import nebulex-streams ` +
        `before you fake timers, or leave these functions real (Jest: doNotFake: [${names}]; Vitest: not in toFake; node:test: not in apis)`,
    );
    this.functions = functions;
  }
}

/** The error of an injected fault that was not given one of its own. */
export class InjectedFaultError extends NebulexError {
  readonly code = "E_INJECTED_FAULT";
  override readonly name: string = "InjectedFaultError";
  /** The fault's name. */
  readonly fault: string;
  /** The actor's path, or the name of the cache instance. */
  readonly subject: string;

  constructor(fault: string, subject: string) {
    super(`injected fault: ${fault} (${subject})`);
    this.fault = fault;
    this.subject = subject;
  }
}

/** `waitFor` gave up waiting. */
export class WaitTimeoutError extends NebulexError {
  readonly code = "E_WAIT_TIMEOUT";
  override readonly name: string = "WaitTimeoutError";
  /** How long it waited, in milliseconds. */
  readonly timeout: number;

  constructor(what: string, timeout: number) {
    super(`timed out after ${timeout} ms waiting for: ${what}`);
    this.timeout = timeout;
  }
}
