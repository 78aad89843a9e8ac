import type { ExitReason } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import type { ActorSystem } from "../actor/types.js";
import { OptionError, SupervisorError } from "../errors.js";
import type { ChildLike, ChildSpec } from "./child-spec.js";
import {
  type ChildCounts,
  type ChildInfo,
  type Supervision,
  supervisionOf,
} from "./supervision.js";

/**
 * A handle on one incarnation of a supervisor. Its requests are served one at a
 * time, in the order of arrival, and wait for as long as that takes; when the supervisor is dead or
 * ending they reject with SupervisorError `noproc`.
 */
export class Supervisor implements AsyncDisposable {
  /** The supervisor's own ref. */
  readonly ref: ActorRef;
  /** The system that it runs in. */
  readonly system: ActorSystem;
  /** Resolves, when the supervisor has ended, with the reason. */
  readonly exited: Promise<ExitReason>;
  readonly #supervision: Supervision;

  /** @internal */
  constructor(supervision: Supervision) {
    this.ref = supervision.ref;
    this.system = supervision.cell.system;
    this.exited = supervision.ended();
    this.#supervision = supervision;
  }

  /**
   * Starts a child behind all others.
   *
   * @returns its ref; `undefined` when its start answered `"ignore"`
   * @throws SupervisorError `already_started` (with the ref), `already_present`,
   * `failed_to_start_child` (with its error as the cause), `bad_combination`; of a dynamic
   * supervisor `max_children`
   * @throws OptionError for a wrong spec
   */
  async startChild(child: ChildLike): Promise<ActorRef | undefined> {
    const supervision = this.#supervision;
    if (supervision.cell.stopping) return supervision.request(() => undefined);
    const spec = supervision.resolve("child", child);
    return await supervision.request(() => supervision.startChild(spec));
  }

  /**
   * Starts a child that is not running.
   *
   * @throws SupervisorError `not_found`, `running`, `restarting`, `failed_to_start_child`; of a
   * dynamic supervisor `simple_one_for_one`
   */
  restartChild(id: string): Promise<ActorRef | undefined> {
    return this.#supervision.request(() => this.#supervision.restartChild(id));
  }

  /**
   * Ends a child by its shutdown setting, or cancels its restart; settles when it is dead. Its spec
   * stays, unless it is temporary.
   *
   * @param id the child's id; its ref if this is a dynamic supervisor
   * @throws SupervisorError `not_found`
   */
  terminateChild(id: string | ActorRef<never>): Promise<void> {
    return this.#supervision.request(() => this.#supervision.terminateChild(id));
  }

  /**
   * Removes the spec of a child that is not running.
   *
   * @throws SupervisorError `not_found`, `running`, `restarting`; of a dynamic supervisor
   * `simple_one_for_one`
   */
  deleteChild(id: string): Promise<void> {
    return this.#supervision.request(() => this.#supervision.deleteChild(id));
  }

  /**
   * The spec of a child, with every default filled in. A dynamic supervisor does not keep the
   * `start` of a temporary child.
   *
   * @param id the child's id; its ref if this is a dynamic supervisor
   * @throws SupervisorError `not_found`
   */
  getChildSpec(id: string | ActorRef<never>): Promise<Required<ChildSpec>> {
    return this.#supervision.request(() => ({ ...this.#supervision.getChildSpec(id) }));
  }

  /** The children in start order. */
  whichChildren(): Promise<ChildInfo[]> {
    return this.#supervision.request(() => this.#supervision.whichChildren());
  }

  /** How many children there are. */
  countChildren(): Promise<ChildCounts> {
    return this.#supervision.request(() => this.#supervision.countChildren());
  }

  /**
   * Ends the children in reverse order, then the supervisor, and its system if it was made for it.
   * Overtakes what has been asked, and a start that hangs. Can be called again, and when it has
   * ended.
   *
   * @param reason default `"shutdown"`
   */
  async stop(reason: ExitReason = "shutdown"): Promise<void> {
    await this.ref.stop(reason);
    if (this.#supervision.ownsSystem) await this.system.stop();
  }

  /** As `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

const handles = new WeakMap<Supervision, Supervisor>();

/** The one handle of a supervisor. @internal */
export function handleOf(supervision: Supervision): Supervisor {
  let handle = handles.get(supervision);
  if (handle === undefined) {
    handle = new Supervisor(supervision);
    handles.set(supervision, handle);
  }
  return handle;
}

/**
 * The handle of the supervisor behind a ref.
 *
 * @throws SupervisorError `noproc` for a dead actor, `not_found` for one that is no supervisor
 */
export function supervisorOf(ref: ActorRef<never>): Supervisor {
  if (!ActorRef.isRef(ref)) throw OptionError.invalid("ref", "an ActorRef", ref);
  if (!ref.alive) throw new SupervisorError("noproc", `actor is not alive: ${ref.path}`, { ref });
  const supervision = supervisionOf(ref);
  if (supervision === undefined)
    throw new SupervisorError("not_found", `not a supervisor: ${ref.path}`, { ref });
  return handleOf(supervision);
}
