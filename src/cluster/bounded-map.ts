/**
 * A Map of limited size: `set` makes an entry the newest, and drops the oldest where there are too
 * many. So what others make up does not use up the memory.
 *
 * @internal
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #maxSize: number;
  readonly #onDrop: ((value: V) => void) | undefined;

  /** @param onDrop called with the value of an entry that has been dropped */
  constructor(maxSize: number, onDrop?: (value: V) => void) {
    super();
    this.#maxSize = maxSize;
    this.#onDrop = onDrop;
  }

  override set(key: K, value: V): this {
    this.delete(key);
    super.set(key, value);
    if (this.size > this.#maxSize) this.#dropOldest();
    return this;
  }

  #dropOldest(): void {
    for (const [key, value] of this) {
      this.delete(key);
      this.#onDrop?.(value);
      return;
    }
  }
}
