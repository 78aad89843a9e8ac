import type { GapEvent } from "../event/types.js";

/** A gap, and the place in a log before which it is to be told. @internal */
export interface PlacedGap {
  readonly at: number;
  readonly gap: GapEvent;
}

/** Gaps in a list beyond which it is made shorter. */
const manyGaps = 1024;

/** Whether it has no known end: something may be missing from `from` on. */
function isOpen({ from, to }: GapEvent): boolean {
  return to < from;
}

/** Whether a gap says what another has said already. @internal */
export function repeats(gap: GapEvent, before: GapEvent | undefined): boolean {
  return (
    before !== undefined &&
    before.from === gap.from &&
    before.to === gap.to &&
    before.node === gap.node &&
    before.epoch === gap.epoch &&
    before.reason === gap.reason
  );
}

/**
 * Gaps by their places, for whoever comes to read them. There may be any number of them while
 * nobody does: so those of one sequence become one, which may then say more than was lost, but
 * never less.
 *
 * @internal
 */
export class PlacedGaps {
  #gaps: PlacedGap[] = [];
  #many = manyGaps;

  get all(): readonly PlacedGap[] {
    return this.#gaps;
  }

  /** Behind the others of its place, and not twice in a row. */
  add(placed: PlacedGap): void {
    const gaps = this.#gaps;
    let place = gaps.length;
    while (place > 0 && (gaps[place - 1] as PlacedGap).at > placed.at) place--;
    const before = gaps[place - 1];
    if (before?.at === placed.at && repeats(placed.gap, before.gap)) return;
    if (place === gaps.length) gaps.push(placed);
    else gaps.splice(place, 0, placed);
    if (gaps.length > this.#many) this.#condense();
  }

  /** Puts another in the place of the last one. */
  replaceLast(placed: PlacedGap): void {
    this.#gaps[this.#gaps.length - 1] = placed;
  }

  shift(): PlacedGap | undefined {
    return this.#gaps.shift();
  }

  replace(gaps: PlacedGap[]): void {
    this.#gaps = gaps;
  }

  #condense(): void {
    const condensed = new Map<string, PlacedGap>();
    for (const { at, gap } of this.#gaps) {
      const id = JSON.stringify([gap.node, gap.epoch, gap.reason, isOpen(gap)]);
      const same = condensed.get(id);
      if (same === undefined) condensed.set(id, { at, gap });
      else if (isOpen(gap)) condensed.set(id, { at: same.at, gap });
      else {
        const from = Math.min(same.gap.from, gap.from);
        const to = Math.max(same.gap.to, gap.to);
        condensed.set(id, { at: same.at, gap: { ...gap, from, to } });
      }
    }
    this.#gaps = [...condensed.values()];
    this.#many = Math.max(manyGaps, 2 * this.#gaps.length);
  }
}
