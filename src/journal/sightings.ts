import type { Milliseconds } from "../options.js";

/**
 * When this node first saw a value, by its own monotonic clock: what another node wrote before is
 * at least that old. So no clocks are compared.
 *
 * @internal
 */
export class Sightings {
  readonly #seen = new Map<string, { readonly value: string | number; at: Milliseconds }>();

  /**
   * The time when this value of the key was first seen.
   *
   * @param at now, or before it was written, if this node has written it
   */
  see(key: string, value: string | number, at: Milliseconds): Milliseconds {
    const known = this.#seen.get(key);
    if (known?.value === value) return (known.at = Math.min(known.at, at));
    this.#seen.set(key, { value, at });
    return at;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }
}
