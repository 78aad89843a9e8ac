import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Objects that are looked after but not held, to be counted when all that can be collected has been. */
export class Census {
  readonly #refs: WeakRef<object>[] = [];

  /** Looks after an object, and gives it back. */
  add<T extends object>(object: T): T {
    this.#refs.push(new WeakRef(object));
    return object;
  }

  /** How many are still in memory. */
  async count(): Promise<number> {
    for (let round = 0; round < 3; round++) {
      // A turn lets go of what has settled, and of what a WeakRef has given in it.
      for (let turn = 0; turn < 10; turn++) await nextTurn();
      collectGarbage();
    }
    return this.#refs.filter((ref) => ref.deref() !== undefined).length;
  }
}
