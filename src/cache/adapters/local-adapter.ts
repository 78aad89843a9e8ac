import { integer, type Milliseconds, option, readOptions, type SchemaOf } from "../../options.js";
import type { Adapter, AdapterContext, Store } from "../adapter.js";
import { requireTtl } from "../command-options.js";
import type { Ttl } from "../types.js";
import { LruEntries, UnlimitedEntries } from "./entries.js";
import { LocalStore } from "./local-store.js";
import { LocalTable } from "./local-table.js";

/** Options of {@link localAdapter}. */
export interface LocalAdapterOptions {
  /**
   * The maximum number of entries: an integer from 1 to 16,777,216 (2^24). A new entry evicts the
   * least recently used one. Memory to order that many is allocated at once, some 24 bytes each.
   * Default: no limit.
   */
  maxEntries?: number;
  /** The TTL of an entry stored without one, in milliseconds above 0. Default: none. */
  ttl?: Ttl;
  /**
   * The time between two sweeps for expired entries, in milliseconds: an integer from 1. An entry
   * that is not read is removed that much after its TTL at the latest; above 1000 the promise of a
   * second does not hold. Default 500.
   */
  sweepInterval?: Milliseconds;
}

/** The capacity of a Map. */
const mostEntries = 2 ** 24;

const schema = {
  maxEntries: option((name, value) => integer(name, value, 1, mostEntries)),
  sweepInterval: option((name, value) => integer(name, value, 1), 500),
  ttl: option((_name, value) => requireTtl(value), null),
} satisfies SchemaOf<LocalAdapterOptions>;

/**
 * Keeps the entries in this process; its commands are synchronous.
 *
 * @throws {@link OptionError}
 */
export function localAdapter(options: LocalAdapterOptions = {}): Adapter {
  const { maxEntries, ttl, sweepInterval } = readOptions("localAdapter", schema, options);
  return Object.freeze({
    open<K, V>({ clock, sink }: AdapterContext<K, V>): Store<K, V> {
      const entries =
        maxEntries === undefined ? new UnlimitedEntries<K, V>() : new LruEntries<K, V>(maxEntries);
      return new LocalStore(new LocalTable(entries, clock, sink, { ttl, sweepInterval }));
    },
  });
}
