import type { Clock, TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";
import type { ThreadProgress } from "./thread-progress.js";
import type { Outcome } from "./thread.js";

/** Work that a lane is busy with. @internal */
export interface Run {
  /** What the lane had handled before. */
  readonly began: number;
  /** Whether a thread has ended before, and this may have been why. */
  readonly isolated: boolean;
  readonly settle: (outcome: Outcome) => void;
}

/** What a lane was seen doing. */
interface Sample {
  readonly handled: number;
  readonly standing: string;
  readonly since: Milliseconds;
}

/** Looks at a thread between two sights so many times within its timeout. */
const looks = 4;

/** Looks now and then whether each lane of a thread gets on with its work. @internal */
export class ThreadMonitor {
  readonly #clock: Clock;
  readonly #timeout: Milliseconds;
  readonly #runs: ReadonlyMap<number, Run>;
  readonly #progress: ThreadProgress;
  readonly #thread: { beat(): void; hung(lanes: readonly number[]): void };
  readonly #sights = new Map<number, Sample>();
  #beats = -1;
  #timer: TimerHandle | undefined;

  constructor(
    clock: Clock,
    timeout: Milliseconds,
    runs: ReadonlyMap<number, Run>,
    progress: ThreadProgress,
    thread: { beat(): void; hung(lanes: readonly number[]): void },
  ) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.#runs = runs;
    this.#progress = progress;
    this.#thread = thread;
  }

  /** A lane has got work. */
  begin(lane: number): void {
    this.#sights.delete(lane);
    this.#timer ??= this.#clock.setTimeout(() => this.#look(), this.#timeout / looks);
  }

  stop(): void {
    if (this.#timer !== undefined) this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sights.clear();
  }

  #look(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const late = [...this.#runs.keys()].filter(
      (lane) => now - this.#see(lane, now) >= this.#timeout,
    );
    const turns = this.#progress.beats !== this.#beats;
    this.#beats = this.#progress.beats;
    const hung = turns
      ? late.filter((lane) => this.#progress.standingOf(lane) === "waiting").slice(0, 1)
      : this.#holdingUp(late);
    if (hung !== undefined && (hung.length > 0 || !turns)) return this.#thread.hung(hung);
    this.#thread.beat();
    this.#timer = this.#clock.setTimeout(() => this.#look(), this.#timeout / looks);
  }

  /** Who may be what keeps the event loop from turning, if that takes too long: not who is only held up. */
  #holdingUp(late: readonly number[]): readonly number[] | undefined {
    if (late.length === 0) return undefined;
    const culprits = culpritsOf(this.#runs, this.#progress);
    const isLate = culprits.length === 0 || culprits.some((lane) => late.includes(lane));
    return isLate ? culprits : undefined;
  }

  /** Since when a lane has been doing what it does. */
  #see(lane: number, now: Milliseconds): Milliseconds {
    const handled = this.#progress.handledBy(lane);
    const standing = this.#progress.standingOf(lane);
    const last = this.#sights.get(lane);
    if (last?.handled === handled && last.standing === standing) return last.since;
    this.#sights.set(lane, { handled, standing, since: now });
    return now;
  }
}

/**
 * The lanes of which one has ended the thread, or holds it up, as far as can be told: the one that ran into it, the one that was on
 * the stack, or those that were waiting for something. None, if it was what an event left behind that is handled already.
 *
 * @internal
 */
export function culpritsOf(
  runs: ReadonlyMap<number, Run>,
  progress: ThreadProgress,
): readonly number[] {
  const lanes = [...runs.keys()].filter((lane) => progress.standingOf(lane) !== "idle");
  const { blamed } = progress;
  if (blamed !== undefined)
    return lanes.filter((lane) => lane === blamed.lane && progress.handledBy(lane) === blamed.step);
  const running = lanes.filter((lane) => progress.standingOf(lane) === "running");
  if (running.length > 0) return running;
  const onProbation = lanes.filter((lane) => runs.get(lane)?.isolated === true);
  return onProbation.length > 0 ? onProbation : lanes;
}
