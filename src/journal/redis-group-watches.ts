import { asCommandFailure, type RedisLink } from "./redis-link.js";

/** Those who watch groups, by channel: what each new connection has to subscribe to. @internal */
export class GroupWatches {
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #failed: (error: Error) => void;
  #link: RedisLink | undefined;
  /** Subscribed to over the present connection. */
  #requested = new Set<string>();

  /** @param failed called when a channel can't be subscribed to */
  constructor(failed: (error: Error) => void) {
    this.#failed = failed;
  }

  watch(channel: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(channel) ?? new Set();
    // The same function given twice is called twice.
    const watcher = (): void => changed();
    watchers.add(watcher);
    this.#watchers.set(channel, watchers);
    this.#requestAll();
    return () => {
      if (!watchers.delete(watcher) || watchers.size > 0) return;
      this.#watchers.delete(channel);
      if (this.#requested.delete(channel)) this.#link?.unsubscribe(channel).catch(() => {});
    };
  }

  /** Subscribes over a new connection. */
  async prepare(link: RedisLink): Promise<void> {
    this.#link = undefined;
    this.#requested = new Set();
    await Promise.all([...this.#watchers.keys()].map((channel) => this.#request(link, channel)));
  }

  /** The connection is up. What has changed before is not known. */
  up(link: RedisLink): void {
    this.#link = link;
    this.#requestAll();
    for (const channel of this.#watchers.keys()) this.#changed(channel);
  }

  down(): void {
    this.#link = undefined;
  }

  clear(): void {
    this.#watchers.clear();
  }

  #requestAll(): void {
    const link = this.#link;
    if (link === undefined) return;
    for (const channel of this.#watchers.keys())
      this.#request(link, channel).catch((error: unknown) => {
        if (this.#link === link) this.#failed(asCommandFailure(error, "SUBSCRIBE"));
      });
  }

  async #request(link: RedisLink, channel: string): Promise<void> {
    if (this.#requested.has(channel)) return;
    this.#requested.add(channel);
    try {
      await link.subscribe(channel, () => this.#changed(channel));
    } catch (error) {
      this.#requested.delete(channel);
      throw error;
    }
  }

  #changed(channel: string): void {
    for (const watcher of this.#watchers.get(channel) ?? []) watcher();
  }
}
