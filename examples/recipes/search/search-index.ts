import MiniSearch, { type Options } from "minisearch";
import {
  actor,
  type Cache,
  type ChildSpec,
  type ChildSpecHolder,
  type StreamMessage,
} from "nebulex-streams";

/**
 * A full-text index of a cache's values, kept in step by an actor. It stands in a children list,
 * behind the stream server of its cache, which has to include values.
 */
export class SearchIndex<V extends object> implements ChildSpecHolder {
  readonly #cache: Cache<string, V>;
  readonly #index: MiniSearch<V & { id: string }>;

  constructor(cache: Cache<string, V>, fields: (keyof V & string)[]) {
    this.#cache = cache;
    this.#index = new MiniSearch<V & { id: string }>({ fields } satisfies Options);
  }

  /** The entries that match, best first. */
  search(query: string): [string, V][] {
    return this.#index.search(query, { prefix: true, fuzzy: 0.2 }).flatMap(({ id }) => {
      const value = this.#cache.get(id as string);
      // It went a moment ago: the index is about to be told.
      return value === undefined ? [] : [[id as string, value]];
    });
  }

  childSpec(): ChildSpec {
    return actor<void, StreamMessage<string, V>>({
      id: `${this.#cache.name}:search`,
      // In one turn of the event loop: the events begin where the entries end. A restart is the same.
      init: ({ self }) => {
        this.#cache.subscribe(self, { partition: "all", gaps: true });
        this.#rebuild();
      },
      receive: (_state, event) => this.#follow(event),
    });
  }

  #follow(event: StreamMessage<string, V>): void {
    // Some events can't be had any more: the cache has all there is.
    if (event.type === "gap") return this.#rebuild();
    const { target, value, values } = event;
    switch (target.kind) {
      case "key":
        return this.#set(target.key, value);
      case "keys":
        for (const key of target.keys) this.#set(key, values?.get(key));
        return;
      case "query":
        return this.#rebuild();
    }
  }

  #set(id: string, value: V | undefined): void {
    if (this.#index.has(id)) this.#index.discard(id);
    if (value !== undefined) this.#index.add({ ...value, id });
  }

  #rebuild(): void {
    this.#index.removeAll();
    for (const [id, value] of this.#cache.stream()) this.#index.add({ ...value, id });
  }
}
