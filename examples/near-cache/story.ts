import type { Broker } from "../shared/broker.js";
import type { Cluster } from "./cluster.js";
import type { State } from "./member.js";
import type { RemoteNode } from "./remote-node.js";
import type { MemorySource } from "./source.js";

export const users = { "user:1": "Ada", "user:2": "Ben", "user:3": "Cleo" };

/** What the example shows, scene by scene; each begins when all have heard of what was changed in the one before. */
export class Story {
  readonly #cluster: Cluster;
  readonly #source: MemorySource;
  readonly #print: (line: string) => void;

  constructor(cluster: Cluster, source: MemorySource, print: (line: string) => void) {
    this.#cluster = cluster;
    this.#source = source;
    this.#print = print;
  }

  /**
   * @param broker the one to kill; undefined: it isn't ours
   * @returns how many reads gave what was not true any more when they began
   */
  async tell(broker: Broker | undefined): Promise<number> {
    await this.#firstReads();
    await this.#rename();
    await this.#hotKey();
    if (broker !== undefined) await this.#outage(broker);
    else this.#title("The broker is not ours to kill: the outage is left out.");
    return this.#summary();
  }

  async #firstReads(): Promise<void> {
    this.#title("Each process reads user:1 twice. The source is asked once by each.");
    for (const node of this.#cluster.nodes) {
      await this.#read(node, "user:1");
      await this.#read(node, "user:1");
    }
  }

  async #rename(): Promise<void> {
    const [writer, ...others] = this.#cluster.nodes as [RemoteNode, ...RemoteNode[]];
    this.#title(`${writer.name} renames user:1. The copies of the others go.`);
    await writer.rename("user:1", "Ada Lovelace");
    this.#say(writer, "has written to the source, then to its cache");
    await this.#cluster.settled();
    for (const node of others) this.#say(node, `has ${copies((await node.state()).copies)}`);
    for (const node of this.#cluster.nodes) await this.#read(node, "user:1");
  }

  async #hotKey(): Promise<void> {
    const times = 1000;
    this.#title(
      `All read user:2 ${times} times, at once. Storing a copy is no change: nobody else's goes.`,
    );
    const { nodes } = this.#cluster;
    const lostBefore = await this.#lost();
    const askedBefore = this.#source.asked;
    await Promise.all(nodes.map((node) => node.read("user:2", times)));
    await this.#cluster.settled();
    const lost = (await this.#lost()) - lostBefore;
    const asked = this.#source.asked - askedBefore;
    this.#print(
      `  ${nodes.length * times} reads, source asked ${asked} times, copies lost: ${lost}`,
    );
  }

  async #outage(broker: Broker): Promise<void> {
    const { nodes } = this.#cluster;
    const writer = nodes.at(-1) as RemoteNode;
    const others = nodes.filter((node) => node !== writer);
    this.#title(`The broker is killed, and ${writer.name} renames user:2 meanwhile.`);
    for (const node of nodes) await node.read("user:3");
    const before = new Map<RemoteNode, State>();
    for (const node of others) before.set(node, await node.state());
    await broker.kill();
    await this.#cluster.until("all notice it", ({ connected }) => !connected);
    await writer.rename("user:2", "Benjamin");
    this.#say(writer, "has written: that needs no broker");
    // Its copy is old now, and nobody can tell it.
    for (const node of others)
      await this.#read(node, "user:2", ", for it knows that it is cut off");
    for (const node of others) await this.#gap(node, writer, before.get(node) as State);
    await broker.restart();
    await this.#cluster.connected();
    await this.#cluster.settled();
    this.#print(`  ${broker.program} is back`);
    for (const node of others) {
      await this.#read(node, "user:2");
      await this.#read(node, "user:2");
    }
  }

  /** Waits until a process is told that it may have missed what the writer wrote, and has forgotten what that may be. */
  async #gap(node: RemoteNode, writer: RemoteNode, before: State): Promise<void> {
    const isTold = ({ gaps }: State): boolean =>
      gaps.slice(before.gaps.length).includes(writer.name);
    await this.#cluster.until(`${node.name} is told of a gap`, isTold, [node]);
    const { lost, copies: left } = await node.state();
    const gone = copies(lost - before.lost);
    this.#say(
      node,
      `is told that it may miss changes of ${writer.name}: ${gone} gone, ${copies(left)} left`,
    );
  }

  /** @returns how many reads were stale */
  async #summary(): Promise<number> {
    this.#title("All in all:");
    // Once more what each has, all of it.
    for (const key of Object.keys(users))
      for (const node of this.#cluster.nodes) await node.read(key);
    for (const node of this.#cluster.nodes) {
      const { reads, misses } = await node.state();
      const ratio = ((100 * (reads - misses)) / reads).toFixed(1);
      this.#say(node, `${reads} reads, ${reads - misses} hits (${ratio} %)`);
    }
    const stale = this.#cluster.nodes.reduce((sum, node) => sum + node.stale, 0);
    this.#print(`stale reads: ${stale}`);
    return stale;
  }

  async #read(node: RemoteNode, key: string, why = ""): Promise<void> {
    const { name, asked } = await node.read(key);
    this.#say(node, `reads ${name} (${asked === 0 ? "its copy" : `asks the source${why}`})`);
  }

  async #lost(): Promise<number> {
    const states = await Promise.all(this.#cluster.nodes.map((node) => node.state()));
    return states.reduce((sum, { lost }) => sum + lost, 0);
  }

  #title(text: string): void {
    this.#print(`\n${text}`);
  }

  #say(node: RemoteNode, text: string): void {
    this.#print(`  ${node.name.padEnd(6)}  ${text}`);
  }
}

function copies(count: number): string {
  return count === 1 ? "1 copy" : `${count === 0 ? "no" : count} copies`;
}
