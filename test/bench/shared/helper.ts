import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { userOf } from "../load.js";
import { Keyspace } from "../reads/keyspace.js";
import { type Sharer, sharedEntries, sharers } from "./sharers.js";
import { helperTask } from "./task.js";

/** Commands under way at a time, in each process. */
const atATime = 100;

/** Goes on through a mix of reads and writes. */
export class Mixer {
  readonly #sharer: Sharer;
  readonly #space: Keyspace;
  #at: number;

  /** @param from where it begins in the mix */
  constructor(sharer: Sharer, space: Keyspace, from: number) {
    this.#sharer = sharer;
    this.#space = space;
    this.#at = from;
  }

  async run(count: number): Promise<void> {
    for (let left = count; left > 0; left -= atATime)
      await Promise.all(Array.from({ length: Math.min(left, atATime) }, () => this.#step()));
  }

  #step(): Promise<unknown> {
    const { mix, keys } = this.#space;
    const id = mix[this.#at] as number;
    if (++this.#at === mix.length) this.#at = 0;
    const sharer = this.#sharer;
    return id < 0 ? sharer.put(keys[~id] as string, userOf(~id)) : sharer.get(keys[id] as string);
  }
}

/** What the other process is told. */
type Order =
  | { readonly kind: "open"; readonly name: string; readonly port: number }
  | { readonly kind: "run"; readonly name: string; readonly count: number };

/** In the other process: does as it is told. */
export function help(): void {
  const space = new Keyspace(sharedEntries);
  const mixers = new Map<string, Mixer>();
  const obey = async (order: Order): Promise<void> => {
    const { name } = order;
    if (order.kind === "run") return mixers.get(name)?.run(order.count);
    const sharer = await sharers[name]?.(order.port);
    // Elsewhere in the mix than the first process.
    if (sharer !== undefined) mixers.set(name, new Mixer(sharer, space, space.mix.length / 2));
  };
  process.on("message", (order) => void obey(order as Order).then(() => process.send?.("done")));
  process.on("disconnect", () => process.exit());
}

/** The other process. */
export class Helper {
  readonly #child: ChildProcess = fork(process.argv[1] as string, {
    env: { ...process.env, [helperTask]: "1" },
  });

  async tell(order: Order): Promise<void> {
    const done = once(this.#child, "message");
    this.#child.send(order);
    await done;
  }

  close(): void {
    this.#child.disconnect();
  }
}
