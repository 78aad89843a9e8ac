/** What is known of the values of one key, which one writer writes: 0, 1, 2 and so on. */
interface Known {
  /** The newest that the engine has acknowledged; -1: none. */
  newest: number;
  /** When the newest was acknowledged, in milliseconds. */
  newestAt: number;
  /** When each value, by number, ceased to be the newest: when a later one was acknowledged. */
  readonly replacedAt: number[];
  /** Values that may yet replace later ones. */
  readonly doubtful: Set<number>;
}

/** Says how old a value that is read is. All times are those of one monotonic clock. */
export class Truth {
  readonly #keys = new Map<string, Known>();

  /** The engine has acknowledged a value. */
  acknowledged(key: string, number: number, at: number): void {
    const known = this.#known(key);
    for (let older = known.replacedAt.length; older < number; older++) known.replacedAt[older] = at;
    known.newest = number;
    known.newestAt = at;
  }

  /** It is not known whether the engine takes a value, nor when. */
  doubted(key: string, number: number): void {
    this.#known(key).doubtful.add(number);
  }

  /** All values so far are gone. */
  lost(at: number): void {
    for (const known of this.#keys.values()) {
      while (known.replacedAt.length <= known.newest) known.replacedAt.push(at);
      known.newest = -1;
    }
  }

  /**
   * For how long a value had not been the newest when a read began that gave it, in milliseconds;
   * 0: it was the newest, or became it since.
   *
   * @param value undefined: nothing was read; NaN where that is wrong
   */
  ageOf(key: string, value: number | undefined, at: number): number {
    const known = this.#keys.get(key);
    if (value === undefined) {
      const isThere = known !== undefined && known.newest >= 0 && known.newestAt <= at;
      return isThere ? NaN : 0;
    }
    if (known?.doubtful.has(value) === true) return 0;
    const replacedAt = known?.replacedAt[value] ?? Infinity;
    return Math.max(0, at - replacedAt);
  }

  #known(key: string): Known {
    let known = this.#keys.get(key);
    if (known === undefined) {
      known = { newest: -1, newestAt: 0, replacedAt: [], doubtful: new Set() };
      this.#keys.set(key, known);
    }
    return known;
  }
}
