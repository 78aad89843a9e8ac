import type { HashMemo } from "../adapter.js";
import { columnLength } from "./entries.js";

const noHashes = new Int32Array(0);

/**
 * The hashes of a store's keys, by slot, as far as they have been computed. One object is the memo
 * of every entry: `of` and `kept` say whose it is until they are called again.
 *
 * @internal
 */
export class KeyHashes implements HashMemo {
  /** 0: not computed. A hash that is 0 is computed each time. */
  #hashes = noHashes;
  /** -1: the entry has gone. */
  #slot = -1;
  #kept = 0;
  readonly #limit: number;

  /** @param limit how many slots there may be */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get hash(): number | undefined {
    const slot = this.#slot;
    const hash = slot < 0 ? this.#kept : this.at(slot);
    return hash === 0 ? undefined : hash;
  }

  set hash(hash: number) {
    const slot = this.#slot;
    if (slot < 0) {
      this.#kept = hash;
      return;
    }
    if (slot >= this.#hashes.length) {
      const longer = new Int32Array(columnLength(slot, this.#limit));
      longer.set(this.#hashes);
      this.#hashes = longer;
    }
    this.#hashes[slot] = hash;
  }

  of(slot: number): this {
    this.#slot = slot;
    return this;
  }

  /** For an entry that has gone, with the hash that it had. */
  kept(hash: number): this {
    this.#slot = -1;
    this.#kept = hash;
    return this;
  }

  /** The hash of an entry; 0: not computed. */
  at(slot: number): number {
    return slot < this.#hashes.length ? (this.#hashes[slot] as number) : 0;
  }

  /** To be called when a slot is given to another key. */
  forget(slot: number): void {
    if (slot < this.#hashes.length) this.#hashes[slot] = 0;
  }

  clear(): void {
    this.#hashes = noHashes;
  }
}
