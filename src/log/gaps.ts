import type { GapEvent } from "../event/types.js";
import type { LostRanges } from "./lost-ranges.js";
import { PlacedGaps } from "./placed-gaps.js";

/** Where a gap has no place in the log, but is to be told before anything else. */
const atOnce = -1;

/**
 * What a reader is to be told of events that it is not given, and has been told. Most readers never
 * have any.
 *
 * @internal
 */
export class Gaps {
  /** How many events were lost for it, and in how many gaps. */
  dropped = 0;
  count = 0;
  /** What went unread and is still to be told, as far as the log does not keep it. */
  unreported: LostRanges | undefined;
  /** What it has not been given, with the place in the log before which each is to be told. */
  readonly #waiting = new PlacedGaps();

  /** Whether there is one to give, at whatever place. */
  get any(): boolean {
    return this.#waiting.all.length > 0;
  }

  /** Where the next one is to be told. */
  get nextAt(): number {
    return this.#waiting.all[0]?.at ?? Infinity;
  }

  /** Whether there is one that has no place in the log. */
  get hasImmediate(): boolean {
    return this.nextAt === atOnce;
  }

  record(gap: GapEvent): void {
    this.dropped += gap.to - gap.from + 1;
    this.count++;
  }

  /** @param at default: to be told at once, behind others of that kind */
  add(gap: GapEvent, at: number = atOnce): void {
    const last = this.#waiting.all.at(-1);
    if (last?.at === at && isSequel(last.gap, gap))
      this.#waiting.replaceLast({ at, gap: { ...last.gap, to: gap.to } });
    else this.#waiting.add({ at, gap });
  }

  shift(): GapEvent | undefined {
    return this.#waiting.shift()?.gap;
  }

  /** Takes all out that another has to give, to be told at once. */
  takeFrom(other: Gaps): void {
    for (const { gap } of other.#waiting.all) this.add(gap);
    other.#waiting.replace([]);
  }

  /** The log that they have their places in is gone. */
  detachFromLog(): void {
    this.#waiting.replace(this.#waiting.all.map(({ gap }) => ({ at: atOnce, gap })));
  }
}

/**
 * Whether a gap goes on where another ends, so that they can be told as one. One without an end has
 * to be told on its own.
 */
function isSequel(before: GapEvent, gap: GapEvent): boolean {
  return (
    before.reason === gap.reason &&
    before.node === gap.node &&
    before.epoch === gap.epoch &&
    before.to + 1 === gap.from &&
    gap.to >= gap.from
  );
}
