/** Ids of rows: one for each object, never used again. @internal */
export class Ids {
  readonly #prefix: string;
  readonly #ids = new WeakMap<object, string>();
  #last = 0;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  of(object: object): string {
    let id = this.#ids.get(object);
    if (id === undefined) this.#ids.set(object, (id = `${this.#prefix}${++this.#last}`));
    return id;
  }
}
