/** One of the three processes. The main one starts it, and it ends with that. */
import { subscribe } from "node:diagnostics_channel";
import { StoreUnavailableError } from "nebulex-streams";
import { answerCalls, callsTo } from "../shared/calls.js";
import { type Catalogue, type SearchIndex, Shop } from "./shop.js";

/** What the three may ask of the main process. */
export interface Main extends Catalogue, SearchIndex {
  ready(): void;
}

/** What the main process may ask of the three. */
export interface ShopCalls {
  /** Reads a product several times, one after the other. */
  read(id: string, times: number): Promise<Reading>;
  /** Gives whether it was done: not without a Redis. */
  rename(id: string, name: string): Promise<boolean>;
  stop(): Promise<void>;
}

export interface Reading {
  readonly name: string;
  /** The lowest version that was read. */
  readonly version: number;
  /** How many of the reads were answered by a near copy. */
  readonly near: number;
}

const [url, nodeName, namespace] = process.argv.slice(2) as [string, string, string];
const main = callsTo<Main>(process);
const shop = await Shop.start(
  { url, namespace },
  nodeName,
  { read: (id) => main("read", id), rename: (id, name) => main("rename", id, name) },
  { set: (id, name) => main("set", id, name), rebuild: (why) => main("rebuild", why) },
);

// The main process asks it to stop before that, unless it was killed.
process.once("disconnect", () => process.exit());
// Partitions change hands when the others start. That is a warning, unless somebody listens.
subscribe("nebulex.journal.owner_change", () => {});
// Ctrl-C reaches all processes of a terminal; the main one decides.
process.on("SIGINT", () => {});

const calls: ShopCalls = {
  async read(id, times) {
    const before = await nearHits();
    let product = await shop.read(id);
    let { version } = product;
    for (let left = times - 1; left > 0; left--) {
      product = await shop.read(id);
      version = Math.min(version, product.version);
    }
    return { name: product.name, version, near: (await nearHits()) - before };
  },
  async rename(id, name) {
    try {
      await shop.rename(id, name);
      return true;
    } catch (error) {
      if (error instanceof StoreUnavailableError) return false;
      throw error;
    }
  },
  stop: () => shop.stop(),
};
answerCalls(process, calls);
await main("ready");

/** Also while Redis is away. */
async function nearHits(): Promise<number> {
  return (await shop.info()).near?.hits ?? 0;
}
