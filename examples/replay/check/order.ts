/** How a position compares with what a reader of its history expects. */
export type Arrival = "inOrder" | "late" | "again";

/**
 * What has been seen of a history of rising positions, and what is missing in it.
 * A position that is skipped is missing until it comes after all.
 */
export class Order {
  #last: number;
  #missing: Set<number> | undefined;

  /** @param last the position before the first */
  constructor(last: number) {
    this.#last = last;
  }

  /** The highest position seen. */
  get last(): number {
    return this.#last;
  }

  /** How many positions were skipped and have not come since. */
  get missing(): number {
    return this.#missing?.size ?? 0;
  }

  /** Takes down that these positions, all above the last, must have been and were not seen. */
  passOver(positions: Iterable<number>): void {
    for (const position of positions) (this.#missing ??= new Set()).add(position);
  }

  /** Takes down that a position was seen. */
  see(position: number): Arrival {
    if (position > this.#last) {
      this.#last = position;
      return "inOrder";
    }
    return this.#missing?.delete(position) === true ? "late" : "again";
  }
}
