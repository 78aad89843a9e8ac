import { concerns, type Event, factOf, type Key, type Value } from "./truth.js";

/** What a reader knows of the cache, from the events that it has seen. */
export class Picture {
  readonly entries: Map<Key, Value>;
  /** What events said and the picture did not. */
  readonly contradictions: string[] = [];

  /** @param entries what it knows at first */
  constructor(entries: ReadonlyMap<Key, Value> = new Map()) {
    this.entries = new Map(entries);
  }

  see(event: Event): void {
    if (event.target.kind === "query") {
      for (const key of this.entries.keys()) if (concerns(event, key)) this.entries.delete(key);
      return;
    }
    for (const [key, value, previous] of factOf(event).values) {
      const { type } = event;
      if (this.entries.has(key) !== (type !== "inserted")) this.#contradict(`${type} ${key}`);
      else if (this.entries.get(key) !== previous)
        this.#contradict(`${type} ${key}: before it was ${previous}`);
      if (type === "inserted" || type === "updated") this.entries.set(key, value as Value);
      else this.entries.delete(key);
    }
  }

  /** What it knows is not so any more. */
  forget(): void {
    this.entries.clear();
  }

  #contradict(claim: string): void {
    this.contradictions.push(`${claim}, knowing ${JSON.stringify([...this.entries])}`);
  }
}
