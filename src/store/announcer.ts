import { type Clock, setBackgroundTimeout, type TimerHandle } from "../clock.js";
import { encodedName, type RedisKeys } from "../journal/redis-keys.js";
import type { JournalPort } from "../journal/types.js";
import { announceScript } from "./redis-observe-scripts.js";
import type { StoreCore } from "./store-core.js";

/** Heartbeats for which an announcement holds. */
const lives = 3;
/** How long a process that has gone is remembered: operators should see it. */
const memory = 3_600_000;

/** What a process says of its near copies. @internal */
export interface NearInfo {
  readonly entries: number;
  readonly maxEntries: number;
}

/** @internal */
export interface AnnouncerOptions {
  readonly port: JournalPort;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  /** Null: the process keeps none. */
  near(): NearInfo | null;
}

/**
 * Announces that a process uses a shared store: in the engine, at each heartbeat. Nothing depends on
 * it; operators look at it.
 *
 * @internal
 */
export class Announcer {
  readonly #core: StoreCore;
  readonly #options: AnnouncerOptions;
  readonly #key: string;
  readonly #node: string;
  #timer: TimerHandle;
  #isClosed = false;

  constructor(core: StoreCore, options: AnnouncerOptions) {
    this.#core = core;
    this.#options = options;
    this.#key = options.keys.store(core.stream);
    this.#node = encodedName(options.port.nodeName);
    this.#next();
  }

  /** Takes the announcement back, if the engine can be reached. */
  close(): void {
    this.#isClosed = true;
    this.#options.clock.clearTimeout(this.#timer);
    const { calls } = this.#core;
    if (!calls.isConnected) return;
    try {
      calls.send(this.#key, ["HDEL", this.#key, this.#node], false, false).catch(() => {});
    } catch {
      // It expires.
    }
  }

  #next(): void {
    const next = (): void => {
      if (this.#isClosed) return;
      const { clock, port } = this.#options;
      // What fails is done again at the next heartbeat.
      this.#timer = setBackgroundTimeout(clock, () => this.#next(), port.heartbeat);
    };
    void this.#announce().then(next, next);
  }

  async #announce(): Promise<void> {
    const { calls } = this.#core;
    if (!calls.isConnected) return;
    const { near, port } = this.#options;
    const info = JSON.stringify({ near: near() });
    const times = [Math.ceil(lives * port.heartbeat), memory].map(String);
    await calls.run(announceScript, [this.#key], [this.#node, info, ...times], false, false);
  }
}
