import { ActorRef } from "../actor/ref.js";
import { SupervisorError } from "../errors.js";
import { badCombination, resolveChild, type ResolvedChildSpec } from "./child-spec.js";
import { interrupted } from "./operation.js";
import type { RestartLimit } from "./restart-window.js";
import type { RunningChild } from "./running-child.js";
import { nameOf, refusal } from "./static-supervision.js";
import { isRestartDue } from "./strategy.js";
import {
  type ChildCounts,
  type ChildInfo,
  failedToStart,
  type LastExit,
  type ObservedChild,
  Supervision,
} from "./supervision.js";

/** What a dynamic supervisor is made of. @internal */
export interface DynamicOptions {
  readonly maxChildren: number;
  readonly limit: RestartLimit;
}

/** A child that runs or, between two attempts to restart it, does not. */
interface Entry {
  readonly spec: ResolvedChildSpec;
  running: RunningChild | undefined;
  incarnations: number;
  lastExit?: LastExit;
}

/**
 * Children that come and go, known by their refs: all one_for_one, ended all at once. As Elixir's
 * DynamicSupervisor.
 *
 * @internal
 */
export class DynamicSupervision extends Supervision {
  readonly #maxChildren: number;
  /** By ref; while restarting, by the previous ref. */
  readonly #entries = new Map<ActorRef, Entry>();

  constructor(options: DynamicOptions) {
    super(options.limit);
    this.#maxChildren = options.maxChildren;
  }

  resolve(option: string, child: unknown): ResolvedChildSpec {
    const spec = resolveChild(option, child);
    if (spec.significant)
      throw badCombination(spec.id, "a dynamic supervisor has no significant children");
    return spec;
  }

  async startChild(spec: ResolvedChildSpec): Promise<ActorRef | undefined> {
    if (this.#entries.size >= this.#maxChildren) throw refusal("max_children", spec.id);
    let ref: ActorRef | undefined;
    const accept = (outcome: RunningChild | "ignore"): void => {
      if (outcome === "ignore") return;
      ref = outcome.ref;
      this.#entries.set(ref, { spec: outcome.spec, running: outcome, incarnations: 1 });
    };
    try {
      await this.startOne(spec, accept, kept(spec));
    } catch (error) {
      throw failedToStart(spec.id, error);
    }
    return ref;
  }

  restartChild(id: string): Promise<never> {
    return Promise.reject(refusal("simple_one_for_one", nameOf(id)));
  }

  deleteChild(id: string): never {
    throw refusal("simple_one_for_one", nameOf(id));
  }

  async terminateChild(ref: unknown): Promise<void> {
    const entry = this.#known(ref);
    if (entry.running !== undefined) await this.endOne(entry.running);
    this.#entries.delete(ref as ActorRef);
  }

  getChildSpec(ref: unknown): ResolvedChildSpec {
    return this.#known(ref).spec;
  }

  whichChildren(): ChildInfo[] {
    return [...this.#entries.values()].map(({ spec: { id, type }, running }) => ({
      id,
      ref: running?.ref ?? "restarting",
      type,
    }));
  }

  countChildren(): ChildCounts {
    let active = 0;
    let supervisors = 0;
    for (const { spec, running } of this.#entries.values()) {
      if (running?.alive === true) active++;
      if (spec.type === "supervisor") supervisors++;
    }
    const specs = this.#entries.size;
    return { specs, active, supervisors, workers: specs - supervisors };
  }

  get strategy(): "dynamic" {
    return "dynamic";
  }

  *observe(): Iterable<ObservedChild> {
    for (const entry of this.#entries.values()) {
      const { spec, running, incarnations, lastExit } = entry;
      const next = running === undefined ? "restarting" : undefined;
      yield { key: entry, spec, ref: running?.ref, next, incarnations, lastExit };
    }
  }

  protected async startAll(): Promise<void> {}

  protected async endAll(): Promise<void> {
    await Promise.all([...this.running()].map((child) => this.endDirectly(child)));
    this.#entries.clear();
  }

  protected *running(): Iterable<RunningChild> {
    for (const { running } of this.#entries.values()) if (running !== undefined) yield running;
  }

  protected async exited(child: RunningChild): Promise<void> {
    const entry = this.#entries.get(child.ref);
    if (entry?.running !== child) return;
    this.reportExit(child);
    if (isRestartDue(entry.spec.restart, child.reason)) {
      entry.running = undefined;
      entry.lastExit = this.exitNow(child.reason);
      await this.#restart(entry, child.ref, child.reason);
    } else this.#entries.delete(child.ref);
  }

  async #restart(entry: Entry, ref: ActorRef, reason: unknown): Promise<void> {
    if (!this.admit(entry.spec.id, { ref, reason })) return;
    try {
      await this.startOne(entry.spec, (outcome) => {
        this.#entries.delete(ref);
        if (outcome === "ignore") return;
        entry.running = outcome;
        entry.incarnations++;
        this.#entries.set(outcome.ref, entry);
      });
      this.restarted();
    } catch (error) {
      if (error === interrupted) throw error;
      this.restarted({ error });
      entry.lastExit = this.exitNow(error);
      // If the child is terminated meanwhile, its entry is gone and the attempt has no effect.
      this.later(async () => {
        if (this.#entries.get(ref) === entry) await this.#restart(entry, ref, error);
      });
    }
  }

  #known(ref: unknown): Entry {
    const entry = this.#entries.get(ref as ActorRef);
    if (entry !== undefined) return entry;
    throw new SupervisorError("not_found", `not found: child ${nameOf(ref)}`, {
      ref: ActorRef.isRef(ref) ? ref : undefined,
    });
  }
}

/**
 * What is remembered of a child: a temporary one is never started again, so that its `start`, and
 * what that holds, can go.
 */
function kept(spec: ResolvedChildSpec): ResolvedChildSpec {
  return spec.restart === "temporary" ? Object.freeze({ ...spec, start: notKept }) : spec;
}

async function notKept(): Promise<never> {
  throw new SupervisorError("not_found", "the start of a temporary child is not kept");
}
