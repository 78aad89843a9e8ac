import type { Clock, TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";
import type { Run } from "./protocol.js";
import type { ThreadProgress } from "./thread-progress.js";

/** What a partition was doing when it was sampled. */
interface Sample {
  readonly handled: number;
  readonly standing: string;
  readonly since: Milliseconds;
}

/** Samples of each partition within the timeout. */
const samplesPerTimeout = 4;

/** Checks at intervals that each partition of a thread makes progress. @internal */
export class ThreadMonitor {
  readonly #clock: Clock;
  readonly #timeout: Milliseconds;
  readonly #runs: ReadonlyMap<number, Run>;
  readonly #progress: ThreadProgress;
  readonly #thread: { beat(): void; hung(partitions: readonly number[]): void };
  readonly #samples = new Map<number, Sample>();
  #beats = -1;
  #timer: TimerHandle | undefined;

  constructor(
    clock: Clock,
    timeout: Milliseconds,
    runs: ReadonlyMap<number, Run>,
    progress: ThreadProgress,
    thread: { beat(): void; hung(partitions: readonly number[]): void },
  ) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#runs = runs;
    this.#progress = progress;
    this.#thread = thread;
  }

  /** Called when a partition gets work. */
  begin(partition: number): void {
    this.#samples.delete(partition);
    this.#timer ??= this.#clock.setTimeout(() => this.#sample(), this.#timeout / samplesPerTimeout);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#samples.clear();
  }

  #sample(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const late = [...this.#runs.keys()].filter(
      (partition) => now - this.#sampleOf(partition, now) >= this.#timeout,
    );
    const turns = this.#progress.beats !== this.#beats;
    this.#beats = this.#progress.beats;
    const hung = turns
      ? late.filter((partition) => this.#progress.standingOf(partition) === "waiting").slice(0, 1)
      : this.#holdingUp(late);
    if (hung !== undefined && (hung.length > 0 || !turns)) return this.#thread.hung(hung);
    this.#thread.beat();
    this.#timer = this.#clock.setTimeout(() => this.#sample(), this.#timeout / samplesPerTimeout);
  }

  /**
   * The partitions that may have blocked the event loop for too long, without those that wait for
   * it.
   */
  #holdingUp(late: readonly number[]): readonly number[] | undefined {
    if (late.length === 0) return undefined;
    const culprits = culpritsOf(this.#runs, this.#progress);
    const isLate = culprits.length === 0 || culprits.some((partition) => late.includes(partition));
    return isLate ? culprits : undefined;
  }

  /** Samples a partition. Returns since when it has made no progress. */
  #sampleOf(partition: number, now: Milliseconds): Milliseconds {
    const handled = this.#progress.handledBy(partition);
    const standing = this.#progress.standingOf(partition);
    const last = this.#samples.get(partition);
    if (last?.handled === handled && last.standing === standing) return last.since;
    this.#samples.set(partition, { handled, standing, since: now });
    return now;
  }
}

/**
 * The partitions of which one has ended or blocks the thread: the one whose call threw, the one on
 * the stack, or those that wait for a promise. Empty if the cause is a leftover of an event that is
 * handled already.
 *
 * @internal
 */
export function culpritsOf(
  runs: ReadonlyMap<number, Run>,
  progress: ThreadProgress,
): readonly number[] {
  const partitions = [...runs.keys()].filter(
    (partition) => progress.standingOf(partition) !== "idle",
  );
  const { blamed } = progress;
  if (blamed !== undefined)
    return partitions.filter(
      (partition) =>
        partition === blamed.partition && progress.handledBy(partition) === blamed.step,
    );
  const running = partitions.filter((partition) => progress.standingOf(partition) === "running");
  if (running.length > 0) return running;
  const isolated = partitions.filter((partition) => runs.get(partition)?.isolated === true);
  return isolated.length > 0 ? isolated : partitions;
}
