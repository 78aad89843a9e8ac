import { subscribe } from "node:diagnostics_channel";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import { type CacheEntryEvent, type GapEvent, getStream, whenIdle } from "nebulex-streams";
import type { NearCache } from "./near-cache.js";

/** Milliseconds that changes are waited for. */
const patience = 15_000;

/** How far each process's changes have come, by its name. */
export type Positions = Readonly<Record<string, number>>;

export interface Reading {
  readonly name: string;
  /** The lowest version, where it was read several times. */
  readonly version: number;
  /** How often the source was asked. */
  readonly asked: number;
}

export interface State {
  readonly connected: boolean;
  /** The other processes that it knows of. */
  readonly others: readonly string[];
  /** Copies that it has now. */
  readonly copies: number;
  /** Copies that went, because another process said so or because something was missed. */
  readonly lost: number;
  /** Each time that it was told that it may have missed something: of which process. */
  readonly gaps: readonly string[];
  readonly reads: number;
  readonly misses: number;
}

/** Of what an invalidator tells, what is used here. */
interface Invalidated {
  readonly event: CacheEntryEvent | GapEvent;
  /** How many copies went. */
  readonly deleted: number;
}

/** What the main process may ask of each of the three. */
export class Member {
  readonly #near: NearCache;
  readonly #positions: Record<string, number> = {};
  readonly #gaps: string[] = [];
  #lost = 0;

  constructor(near: NearCache) {
    this.#near = near;
    // Not needed to keep the cache true, only to tell of it: how far the changes have come, and what goes.
    near.users.subscribe(
      (message) => {
        if (message.type === "gap") {
          if (message.node !== near.pubsub.nodeName) this.#reached(message.node, message.to);
        } else if (message.metadata.invalidation !== true)
          this.#reached(message.metadata.node, message.metadata.sequence);
      },
      { gaps: true },
    );
    subscribe("nebulex.streams.invalidator.invalidate", (message) => {
      const { event, deleted } = message as Invalidated;
      this.#lost += deleted;
      // A gap of its own node means: of nobody knows whom.
      if (event.type === "gap" && event.node !== near.pubsub.nodeName) this.#gaps.push(event.node);
    });
  }

  async read(key: string, times = 1): Promise<Reading> {
    const missesBefore = this.#near.misses;
    let oldest = await this.#near.read(key);
    for (let left = times - 1; left > 0; left--) {
      const user = await this.#near.read(key);
      if (user.version < oldest.version) oldest = user;
      // So that what the others say can come in between.
      if (left % 10 === 0) await turn();
    }
    return { ...oldest, asked: this.#near.misses - missesBefore };
  }

  rename(key: string, name: string): Promise<void> {
    return this.#near.rename(key, name);
  }

  /** The sequence of its own last change. */
  async position(): Promise<number> {
    await whenIdle(this.#near.users);
    return this.#positions[this.#near.pubsub.nodeName] ?? -1;
  }

  /** Settles when all that the others have written up to these positions has been heard, and handled. */
  async caughtUp(positions: Positions): Promise<void> {
    const isBehind = ([node, position]: [string, number]): boolean =>
      (this.#positions[node] ?? -1) < position;
    for (const end = Date.now() + patience; Object.entries(positions).some(isBehind); await wait(5))
      if (Date.now() > end) throw new Error("waited in vain for the changes of the others");
    await whenIdle(this.#near.users);
  }

  state(): State {
    const { users, pubsub, reads, misses } = this.#near;
    return {
      connected: pubsub.status === "connected",
      others: getStream(users)
        .nodes()
        .filter(({ silent }) => !silent)
        .map(({ node }) => node),
      copies: users.countAll(),
      lost: this.#lost,
      gaps: this.#gaps,
      reads,
      misses,
    };
  }

  #reached(node: string, sequence: number): void {
    this.#positions[node] = Math.max(this.#positions[node] ?? -1, sequence);
  }
}
