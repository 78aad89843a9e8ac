import { setTimeout as wait } from "node:timers/promises";
import type { Broker } from "../shared/broker.js";
import type { RemoteProcess } from "../shared/remote-process.js";
import type { Reading, ShopCalls } from "./node.js";
import type { World } from "./world.js";

/** Milliseconds that anything is waited for. */
const patience = 30_000;

export const products = { p1: "Desk lamp", p2: "Office chair", p3: "Book shelf" };

type Node = RemoteProcess<ShopCalls>;

/** What the example shows, scene by scene. */
export class Story {
  readonly #nodes: readonly Node[];
  readonly #world: World;
  readonly #print: (line: string) => void;
  /** Reads that gave what was not true any more, when all was quiet. */
  #stale = 0;

  constructor(nodes: readonly Node[], world: World, print: (line: string) => void) {
    this.#nodes = nodes;
    this.#world = world;
    this.#print = print;
  }

  /**
   * @param redis the one to kill; undefined: it isn't ours
   * @returns whether all was as promised
   */
  async tell(redis: Broker | undefined): Promise<boolean> {
    await this.#firstReads();
    await this.#nearCopies();
    await this.#rename();
    if (redis !== undefined) await this.#outage(redis);
    else this.#title("The server is not ours to kill: the outage is left out.");
    this.#title("All in all:");
    await this.#indexed("desk", []);
    for (const id of Object.keys(products)) await this.#readAll(id);
    this.#print(`stale reads: ${this.#stale}`);
    return this.#stale === 0;
  }

  async #firstReads(): Promise<void> {
    this.#title("All three ask for p1 at once. The catalogue is asked once, by one for all.");
    await this.#readAll("p1");
    this.#print(`  3 reads, catalogue asked ${times(this.#world.asked)}`);
    await this.#indexed("lamp", ["p1"]);
  }

  async #nearCopies(): Promise<void> {
    this.#title("Each reads it 1000 times. Only the first read goes to Redis.");
    const asked = this.#world.asked;
    for (const node of this.#nodes) {
      const { near } = await this.#read(node, "p1", 1000);
      this.#say(
        node,
        `has answered ${near >= 999 ? "999 or more" : near} of 1000 with its own copy`,
      );
    }
    this.#print(`  catalogue asked ${times(this.#world.asked - asked)}`);
  }

  async #rename(): Promise<void> {
    const [writer] = this.#nodes as [Node];
    this.#title(`${writer.name} renames p1. The copies of the others go, and the index follows.`);
    await writer.call("rename", "p1", "Floor lamp");
    await this.#allRead("p1", "Floor lamp");
    for (const node of this.#nodes) this.#say(node, `reads ${(await this.#read(node, "p1")).name}`);
    await this.#indexed("floor", ["p1"]);
    await this.#indexed("desk", []);
  }

  async #outage(redis: Broker): Promise<void> {
    this.#title("Redis is killed.");
    await redis.kill();
    const writer = this.#nodes.at(-1) as Node;
    const renamed = await writer.call("rename", "p1", "Lava lamp");
    this.#say(writer, renamed ? "has renamed p1" : "can't rename p1: nothing is changed");
    for (const node of this.#nodes)
      this.#say(node, `reads ${(await this.#read(node, "p2")).name} (from the catalogue)`);
    await redis.restart();
    await this.#until("it can be written again", () => writer.call("rename", "p1", "Lava light"));
    this.#print("  redis-server is back, with nothing in it");
    this.#say(writer, "has renamed p1 at last");
    await this.#allRead("p1", "Lava light");
    await this.#indexed("light", ["p1"]);
    await this.#until("the index was built anew", () => this.#world.rebuilt.length > 0);
    this.#print(`  the index was built anew: ${[...new Set(this.#world.rebuilt)].join(", ")}`);
  }

  /** Waits until the event of a change has removed the copies of all. */
  async #allRead(id: string, expected: string): Promise<void> {
    await this.#until(`all read ${expected}`, async () => {
      const readings = await Promise.all(this.#nodes.map((node) => node.call("read", id, 1)));
      return readings.every(({ name }) => name === expected);
    });
  }

  async #readAll(id: string): Promise<void> {
    await Promise.all(this.#nodes.map((node) => this.#read(node, id)));
  }

  async #read(node: Node, id: string, count = 1): Promise<Reading> {
    const { version } = this.#world.now(id);
    const reading = await node.call("read", id, count);
    if (reading.version < version) this.#stale++;
    return reading;
  }

  async #indexed(word: string, ids: readonly string[]): Promise<void> {
    const found = (): string => this.#world.find(word).join(", ");
    await this.#until(`the index has "${word}" as is true`, () => found() === ids.join(", "));
    this.#print(`  products with "${word}": ${ids.length === 0 ? "none" : found()}`);
  }

  async #until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + patience;
    while (!(await isTrue())) {
      if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
      await wait(20);
    }
  }

  #title(text: string): void {
    this.#print(`\n${text}`);
  }

  #say(node: Node, text: string): void {
    this.#print(`  ${node.name.padEnd(6)}  ${text}`);
  }
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
