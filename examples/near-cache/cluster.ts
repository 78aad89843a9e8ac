import { setTimeout as wait } from "node:timers/promises";
import type { State } from "./member.js";
import { type Place, RemoteNode } from "./remote-node.js";
import type { MemorySource } from "./source.js";

/** Milliseconds that anything is waited for. */
const patience = 20_000;

/** The three processes. */
export class Cluster {
  readonly nodes: readonly RemoteNode[];

  constructor(names: readonly string[], place: Place, source: MemorySource) {
    this.nodes = names.map((name) => new RemoteNode(name, place, source));
  }

  /** Settles when all are up, and know each other. */
  async ready(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.ready()));
    await this.connected();
    await this.settled();
  }

  /** Settles when all are connected, and hear of each other. */
  connected(): Promise<void> {
    const others = this.nodes.length - 1;
    return this.until(
      "all are connected",
      (state) => state.connected && state.others.length === others,
    );
  }

  /** Settles when it is true of these nodes, by default of all. */
  async until(
    what: string,
    isTrue: (state: State) => boolean,
    nodes: readonly RemoteNode[] = this.nodes,
  ): Promise<void> {
    const end = Date.now() + patience;
    for (;;) {
      const states = await Promise.all(nodes.map((node) => node.state()));
      if (states.every(isTrue)) return;
      if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
      await wait(10);
    }
  }

  /** Settles when each has heard of all that the others have changed, and has done what is to be done about it. */
  async settled(): Promise<void> {
    const positions = Object.fromEntries(
      await Promise.all(
        this.nodes.map(async (node) => [node.name, await node.position()] as const),
      ),
    );
    await Promise.all(this.nodes.map((node) => node.caughtUp(positions)));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}
