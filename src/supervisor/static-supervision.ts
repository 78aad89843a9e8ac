import { ActorRef } from "../actor/ref.js";
import { show, SupervisorError, type SupervisorErrorReason } from "../errors.js";
import { badCombination, resolveChild, type ResolvedChildSpec } from "./child-spec.js";
import { interrupted } from "./operation.js";
import type { Milliseconds } from "../options.js";
import {
  countFailure,
  type FailureSeries,
  type RestartLimit,
  restartPause,
  type RestartPauses,
} from "./restart-window.js";
import type { RunningChild } from "./running-child.js";
import {
  type AutoShutdown,
  endsSupervisor,
  isRestartDue,
  restartPlan,
  type Strategy,
} from "./strategy.js";
import {
  type ChildCounts,
  type ChildInfo,
  type Failure,
  failedToStart,
  type LastExit,
  type ObservedChild,
  Supervision,
} from "./supervision.js";

/** What a supervisor of a children list is made of. @internal */
export interface StaticOptions {
  readonly strategy: Strategy;
  readonly autoShutdown: AutoShutdown;
  readonly limit: RestartLimit;
  /** Pauses between restarts, which are then without a limit. */
  readonly pauses?: RestartPauses;
  readonly children: readonly ResolvedChildSpec[];
}

/** A child in the list: its spec and, if it runs, its incarnation; or the restart to be retried. */
interface Slot {
  readonly spec: ResolvedChildSpec;
  running: RunningChild | undefined;
  retry: Failure | undefined;
  /** Counted where there are pauses between restarts. */
  series?: FailureSeries;
  incarnations: number;
  isStarting: boolean;
  lastExit?: LastExit;
}

function newSlot(spec: ResolvedChildSpec): Slot {
  return { spec, running: undefined, retry: undefined, incarnations: 0, isStarting: false };
}

/** @internal */
export class StaticSupervision extends Supervision {
  readonly #options: StaticOptions;
  /** In start order. */
  readonly #slots = new Map<string, Slot>();

  constructor(options: StaticOptions) {
    super(options.limit);
    this.#options = options;
  }

  resolve(option: string, child: unknown): ResolvedChildSpec {
    return resolveStaticChild(option, child, this.#options.autoShutdown);
  }

  async startChild(spec: ResolvedChildSpec): Promise<ActorRef | undefined> {
    const known = this.#slots.get(spec.id);
    if (known?.running !== undefined) throw refusal("already_started", spec.id, known.running.ref);
    if (known !== undefined) throw refusal("already_present", spec.id);
    return this.#startOrThrow(newSlot(spec));
  }

  async restartChild(id: string): Promise<ActorRef | undefined> {
    const slot = this.#idle(id);
    return this.#startOrThrow(slot);
  }

  async terminateChild(id: unknown): Promise<void> {
    const slot = this.#known(id);
    await this.#end(slot);
    this.#dropIfTemporary(slot);
  }

  deleteChild(id: string): void {
    this.#slots.delete(this.#idle(id).spec.id);
  }

  getChildSpec(id: unknown): ResolvedChildSpec {
    return this.#known(id).spec;
  }

  whichChildren(): ChildInfo[] {
    return [...this.#slots.values()].map(({ spec: { id, type }, running, retry }) => ({
      id,
      ref: running?.ref ?? (retry === undefined ? undefined : "restarting"),
      type,
    }));
  }

  countChildren(): ChildCounts {
    const slots = [...this.#slots.values()];
    const supervisors = slots.filter(({ spec }) => spec.type === "supervisor").length;
    return {
      specs: slots.length,
      active: slots.filter(({ running }) => running?.alive === true).length,
      supervisors,
      workers: slots.length - supervisors,
    };
  }

  get strategy(): Strategy {
    return this.#options.strategy;
  }

  *observe(): Iterable<ObservedChild> {
    for (const slot of this.#slots.values()) {
      const { spec, running, retry, isStarting, incarnations, lastExit } = slot;
      const next = isStarting ? "starting" : retry === undefined ? undefined : "restarting";
      yield { key: slot, spec, ref: running?.ref, next, incarnations, lastExit };
    }
  }

  protected async startAll(): Promise<void> {
    for (const spec of this.#options.children) await this.#startOrThrow(newSlot(spec));
  }

  protected async endAll(): Promise<void> {
    for (const slot of [...this.#slots.values()].reverse()) {
      slot.retry = undefined;
      if (slot.running !== undefined) await this.endDirectly(slot.running);
      slot.running = undefined;
    }
  }

  protected *running(): Iterable<RunningChild> {
    for (const { running } of this.#slots.values()) if (running !== undefined) yield running;
  }

  protected async exited(child: RunningChild): Promise<void> {
    const slot = this.#slots.get(child.spec.id);
    if (slot?.running !== child) return;
    slot.running = undefined;
    slot.lastExit = this.exitNow(child.reason);
    this.reportExit(child);
    if (isRestartDue(slot.spec.restart, child.reason)) {
      const pause = this.#pauseBefore(slot);
      if (pause > 0) this.#retryLater(slot, child, pause);
      else await this.#restart(slot, child);
      return;
    }
    this.#dropIfTemporary(slot);
    if (slot.spec.significant && endsSupervisor(this.#options.autoShutdown, this.#anySignificant()))
      this.endSelf();
  }

  async #restart(failed: Slot, { ref, reason }: Failure): Promise<void> {
    if (!this.admit(failed.spec.id, { ref, reason })) return;
    const plan = restartPlan(
      this.#options.strategy,
      [...this.#slots.values()],
      failed,
      ({ spec }) => spec.restart === "temporary",
    );
    for (const slot of plan.end) {
      await this.#end(slot);
      this.#dropIfTemporary(slot);
    }
    for (const slot of plan.start) {
      try {
        await this.#start(slot);
      } catch (error) {
        if (error === interrupted) throw error;
        this.restarted({ error });
        slot.lastExit = this.exitNow(error);
        const failure = { ref: slot === failed ? ref : undefined, reason: error };
        this.#retryLater(slot, failure, this.#pauseBefore(slot));
        return;
      }
    }
    this.restarted();
  }

  /** Counts a failure. */
  #pauseBefore(slot: Slot): Milliseconds {
    const { pauses } = this.#options;
    if (pauses === undefined) return 0;
    slot.series = countFailure(slot.series, pauses.progressOf(slot.spec.id));
    return restartPause(slot.series);
  }

  #retryLater(slot: Slot, { ref, reason }: Failure, pause: Milliseconds): void {
    const failure: Failure = { ref, reason };
    slot.retry = failure;
    this.later(async () => {
      if (slot.retry !== failure) return;
      slot.retry = undefined;
      await this.#restart(slot, failure);
    }, pause);
  }

  async #startOrThrow(slot: Slot): Promise<ActorRef | undefined> {
    try {
      await this.#start(slot);
    } catch (error) {
      throw failedToStart(slot.spec.id, error);
    }
    return slot.running?.ref;
  }

  /**
   * Starts a child of the list, or appends a new one; one that fails is not appended, nor is a
   * temporary one that is ignored.
   */
  async #start(slot: Slot): Promise<void> {
    slot.isStarting = true;
    try {
      await this.startOne(slot.spec, (outcome) => {
        slot.retry = undefined;
        slot.running = outcome === "ignore" ? undefined : outcome;
        if (slot.running !== undefined) slot.incarnations++;
        this.#slots.set(slot.spec.id, slot);
        if (outcome === "ignore") this.#dropIfTemporary(slot);
      });
    } finally {
      slot.isStarting = false;
    }
  }

  async #end(slot: Slot): Promise<void> {
    slot.retry = undefined;
    if (slot.running === undefined) return;
    await this.endOne(slot.running);
    slot.running = undefined;
  }

  #dropIfTemporary({ spec }: Slot): void {
    if (spec.restart === "temporary") this.#slots.delete(spec.id);
  }

  #anySignificant(): boolean {
    for (const { spec, running, retry } of this.#slots.values())
      if (spec.significant && (running !== undefined || retry !== undefined)) return true;
    return false;
  }

  #known(id: unknown): Slot {
    const slot = this.#slots.get(id as string);
    if (slot === undefined) throw refusal("not_found", nameOf(id));
    return slot;
  }

  /** The slot of a child that neither runs nor is to be restarted. */
  #idle(id: string): Slot {
    const slot = this.#known(id);
    if (slot.running !== undefined) throw refusal("running", id, slot.running.ref);
    if (slot.retry !== undefined) throw refusal("restarting", id);
    return slot;
  }
}

/** As {@link resolveChild}, and whether a significant child fits the supervisor. @internal */
export function resolveStaticChild(
  option: string,
  child: unknown,
  autoShutdown: AutoShutdown,
): ResolvedChildSpec {
  const spec = resolveChild(option, child);
  if (spec.significant && autoShutdown === "never")
    throw badCombination(spec.id, 'a significant child needs an autoShutdown other than "never"');
  return spec;
}

/** The name of a child in an error; the request may have named it by any value. @internal */
export function nameOf(id: unknown): string {
  if (typeof id === "string") return id;
  return ActorRef.isRef(id) ? id.path : show(id);
}

/** @internal */
export function refusal(
  reason: SupervisorErrorReason,
  childId: string,
  ref?: ActorRef,
): SupervisorError {
  return new SupervisorError(reason, `${reason.replaceAll("_", " ")}: child "${childId}"`, {
    childId,
    ref,
  });
}
