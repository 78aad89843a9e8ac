/**
 * A load of a value that is under way: the node of a graph of which load waits for which.
 *
 * @internal
 */
export interface Load {
  /** The instance's name. */
  readonly cache: string;
  readonly key: unknown;
  /** Whether it waits for nothing any more. */
  settled: boolean;
  /** The loads that asked for it: none of them can settle before it does, as far as is known. */
  awaitedBy: Set<Load> | undefined;
}

/**
 * The cycle that there would be if `caller` waited for `load`, in the order of waiting: from `load`
 * to `caller`. Undefined when there is none.
 *
 * @internal
 */
export function cycleThrough(load: Load, caller: Load): Load[] | undefined {
  // From the caller to those that wait for it: each with the one that it waits for.
  const waitsFor = new Map<Load, Load | undefined>([[caller, undefined]]);
  for (const reached of waitsFor.keys()) {
    if (reached === load) return pathFrom(load, waitsFor);
    for (const waiter of reached.awaitedBy ?? [])
      if (!waiter.settled && !waitsFor.has(waiter)) waitsFor.set(waiter, reached);
  }
  return undefined;
}

function pathFrom(load: Load, waitsFor: ReadonlyMap<Load, Load | undefined>): Load[] {
  const path: Load[] = [];
  for (let at: Load | undefined = load; at !== undefined; at = waitsFor.get(at)) path.push(at);
  return path;
}
