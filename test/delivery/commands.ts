import fc from "../helpers/fast-check.js";
import type { Cache } from "../../src/index.js";
import type { Key, Value } from "./truth.js";

/** The keys of the tests: six with each of two prefixes. */
export const keys: readonly Key[] = ["x", "y"].flatMap((prefix) =>
  Array.from({ length: 6 }, (_, index) => `${prefix}${index}`),
);

const key = fc.constantFrom(...keys);
const someKeys = fc.subarray([...keys], { minLength: 1 });
const ttl = fc.integer({ min: 1, max: 3_000 });

const single = [
  fc.record({ do: fc.constant("put" as const), key }),
  fc.record({ do: fc.constant("put for a while" as const), key, ttl }),
  fc.record({ do: fc.constantFrom("putNew" as const, "replace" as const), key }),
  fc.record({ do: fc.constantFrom("delete" as const, "take" as const, "increment" as const), key }),
  fc.record({ do: fc.constant("expire" as const), key, ttl }),
];
const several = [
  fc.record({ do: fc.constantFrom("putAll" as const, "deleteKeys" as const), keys: someKeys }),
  fc.record({ do: fc.constant("putNewAll" as const), keys: someKeys }),
];
const queries = [
  fc.record({ do: fc.constant("deletePrefix" as const), prefix: fc.constantFrom("x", "y", "x1") }),
  fc.record({ do: fc.constant("deleteAll" as const) }),
];

/** A command on a cache. */
export const anyCommand = fc.oneof(...single, ...single, ...several, ...queries);
/** A command that deletes nothing by a query. */
export const keyedCommand = fc.oneof(...single, ...single, ...several);

export type Command = typeof anyCommand extends fc.Arbitrary<infer T> ? T : never;

/** Does commands, each with values that there have not been before. */
export class Writer {
  readonly #cache: Cache<Key, Value>;
  #value = 0;

  constructor(cache: Cache<Key, Value>) {
    this.#cache = cache;
  }

  run(command: Command): void {
    const cache = this.#cache;
    switch (command.do) {
      case "put":
        cache.put(command.key, this.#next());
        break;
      case "put for a while":
        cache.put(command.key, this.#next(), { ttl: command.ttl });
        break;
      case "putNew":
      case "replace":
        cache[command.do](command.key, this.#next());
        break;
      case "delete":
      case "take":
        cache[command.do](command.key);
        break;
      case "increment":
        cache.increment(command.key, 1000, { default: this.#next() });
        break;
      case "expire":
        cache.expire(command.key, command.ttl);
        break;
      case "putAll":
      case "putNewAll":
        cache[command.do](command.keys.map((one) => [one, this.#next()] as const));
        break;
      case "deleteKeys":
        cache.deleteAll({ keys: command.keys });
        break;
      case "deletePrefix":
        cache.deleteAll({ prefix: command.prefix });
        break;
      case "deleteAll":
        cache.deleteAll();
    }
  }

  #next(): Value {
    return (this.#value += 1_000_000);
  }
}
