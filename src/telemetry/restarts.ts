import type { Measurements, MetricSource } from "./metrics.js";
import { observe } from "./open-telemetry.js";

/** What this module needs of an actor system. @internal */
export interface CountedSystem {
  readonly stopped: boolean;
}

/**
 * The maximum number of children of a system that are counted separately: those of a dynamic
 * supervisor may have any number of ids.
 */
const maxChildren = 1000;
/** The name under which all further children are counted. */
const others = "(other)";

const counts = new WeakMap<CountedSystem, RestartCounts>();

/**
 * Counts the restart of a child, until its system stops.
 *
 * @param supervisor its supervisor's path
 * @internal
 */
export function countRestart(system: CountedSystem, supervisor: string, childId: string): void {
  let known = counts.get(system);
  if (known === undefined) {
    counts.set(system, (known = new RestartCounts(system)));
    observe(known);
  }
  known.count(supervisor, childId);
}

class RestartCounts implements MetricSource {
  /** Weak: a system that is not stopped can still be collected. */
  readonly #system: WeakRef<CountedSystem>;
  readonly #bySupervisor = new Map<string, Map<string, number>>();
  #children = 0;

  constructor(system: CountedSystem) {
    this.#system = new WeakRef(system);
  }

  count(supervisor: string, childId: string): void {
    const known = this.#bySupervisor.get(supervisor)?.has(childId) === true;
    if (known || this.#children < maxChildren) this.#add(supervisor, childId);
    else this.#add(others, others);
  }

  isOver(): boolean {
    return this.#system.deref()?.stopped ?? true;
  }

  measure(into: Measurements): void {
    for (const [supervisor, children] of this.#bySupervisor)
      for (const [child_id, restarts] of children)
        into.add("nebulex.supervisor.restarts", restarts, { supervisor, child_id });
  }

  #add(supervisor: string, childId: string): void {
    let children = this.#bySupervisor.get(supervisor);
    if (children === undefined) this.#bySupervisor.set(supervisor, (children = new Map()));
    const before = children.get(childId) ?? 0;
    if (before === 0) this.#children++;
    children.set(childId, before + 1);
  }
}
