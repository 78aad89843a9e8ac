import { isCleanExit } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import type { Stream } from "../stream/stream.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { pausingSupervisor, supervisor } from "../supervisor/specs.js";
import { tellUndelivered } from "./worker.js";

/** A child of a pool, and the partitions (by index) whose events it handles. @internal */
export interface PoolChild {
  readonly spec: ChildSpec;
  readonly partitions: readonly number[];
}

/** What a pool's supervisor is made of. @internal */
export interface PoolSupervisorOptions {
  readonly id: string;
  readonly group: string;
  /** Undefined: the spec is only checked. */
  readonly stream: Stream | undefined;
  readonly children: readonly PoolChild[];
  readonly maxRestarts: number | undefined;
  readonly maxSeconds: number | undefined;
}

/**
 * The spec of a pool's supervisor: `one_for_one`. Without `maxRestarts` it never gives up: a child
 * that fails again and again is restarted with growing pauses, until it has handled an event.
 *
 * @throws OptionError
 * @internal
 */
export function poolSupervisor(options: PoolSupervisorOptions): ChildSpec {
  const { id, maxRestarts, maxSeconds } = options;
  const common = {
    id,
    strategy: "one_for_one",
    children: options.children.map(({ spec }) => spec),
    ...(maxSeconds === undefined ? undefined : { maxSeconds }),
  } as const;
  if (maxRestarts !== undefined) return supervisor({ ...common, maxRestarts });

  const partitions = new Map(options.children.map((child) => [child.spec.id, child.partitions]));
  const progressOf = (childId: string): number =>
    (partitions.get(childId) ?? []).reduce((sum, index) => sum + handledIn(options, index), 0);
  const spec = pausingSupervisor(common, progressOf);
  return {
    ...spec,
    start: async (parent) => {
      const ref = (await spec.start(parent)) as ActorRef;
      ActorRef.targetOf(ref).onDeath((reason) => {
        if (isCleanExit(reason)) tellLeftBehind(options);
      });
      return ref;
    },
  };
}

function handledIn({ stream, group }: PoolSupervisorOptions, index: number): number {
  return stream?.groups.find(group, index)?.handled ?? 0;
}

/** A worker that waits for its restart when the pool is stopped can't report what it leaves. */
function tellLeftBehind({ stream, group }: PoolSupervisorOptions): void {
  for (const { index } of stream?.logs ?? []) {
    const cursor = stream?.groups.find(group, index);
    if (cursor !== undefined) tellUndelivered(cursor, "failed");
  }
}
