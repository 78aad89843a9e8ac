import { RemoteProcess } from "../shared/remote-process.js";
import type { Member, Positions, Reading, State } from "./member.js";
import type { Engine } from "../shared/broker.js";
import type { Source } from "./near-cache.js";
import type { MemorySource } from "./source.js";

/** How its processes find the broker, and each other. */
export interface Place {
  readonly engine: Engine;
  readonly url: string;
  /** Keeps other programs on that broker apart. */
  readonly namespace: string;
}

/** One of the three processes, as the main one sees it. */
export class RemoteNode {
  readonly name: string;
  /** Reads that gave less than the source had when they began. */
  stale = 0;
  readonly #source: MemorySource;
  readonly #process: RemoteProcess<Pick<Member, keyof Member>>;

  constructor(name: string, { engine, url, namespace }: Place, source: MemorySource) {
    this.name = name;
    this.#source = source;
    const args = [engine, url, name, namespace];
    this.#process = new RemoteProcess(name, new URL("node.ts", import.meta.url), args, {
      read: (key) => source.read(key),
      rename: (key, userName) => source.rename(key, userName),
    } satisfies Source);
  }

  /** Settles when its cache and its stream are up. */
  ready(): Promise<void> {
    return this.#process.ready();
  }

  async read(key: string, times = 1): Promise<Reading> {
    const { version } = this.#source.now(key);
    const reading = await this.#process.call("read", key, times);
    if (reading.version < version) this.stale++;
    return reading;
  }

  rename(key: string, name: string): Promise<void> {
    return this.#process.call("rename", key, name);
  }

  position(): Promise<number> {
    return this.#process.call("position");
  }

  caughtUp(positions: Positions): Promise<void> {
    return this.#process.call("caughtUp", positions);
  }

  state(): Promise<State> {
    return this.#process.call("state");
  }

  /** Has it end in order; kills it if that takes too long. */
  stop(): Promise<void> {
    return this.#process.stop();
  }
}
