/**
 * Three processes of a shop share one cache of products in Redis, with near copies in front and a search index behind:
 * `npx tsx examples/shared-shop/main.ts [--url URL]`. Start reading at shop.ts; story.ts has what is shown.
 */
import { Broker } from "../shared/broker.js";
import { type Request, runProgram } from "../shared/program.js";
import { RemoteProcess } from "../shared/remote-process.js";
import type { ShopCalls } from "./node.js";
import type { Catalogue, SearchIndex } from "./shop.js";
import { products, Story } from "./story.js";
import { World } from "./world.js";

const usage = `Usage: npx tsx examples/shared-shop/main.ts [redis] [--url URL]

  --url URL    use the server there, as redis://host:port; it is not killed. Default: one is started if it is installed

Exit status: 0 no read was stale; 1 some were, or the run failed; 2 a bad option, or there is no server; 130 interrupted.
`;

/** The server and the three processes. */
class Run {
  readonly #request: Request;
  #redis: Broker | undefined;
  #nodes: RemoteProcess<ShopCalls>[] = [];

  constructor(request: Request) {
    this.#request = request;
  }

  async tell(): Promise<boolean> {
    if (this.#request.url === undefined) this.#redis = await Broker.start("redis");
    const url = this.#request.url ?? this.#redis?.url ?? "";
    const world = new World(products);
    this.#nodes = ["berlin", "lima", "tokyo"].map((name) => {
      const args = [url, name, `shared-shop-${process.pid}`];
      return new RemoteProcess(name, new URL("node.ts", import.meta.url), args, {
        read: (id) => world.read(id),
        rename: (id, productName) => world.rename(id, productName),
        set: (id, productName) => world.set(id, productName),
        rebuild: (why) => world.rebuild(why),
      } satisfies Catalogue & SearchIndex);
    });
    await Promise.all(this.#nodes.map((node) => node.ready()));
    console.log(
      `berlin, lima, tokyo: three processes, one cache in ${this.#redis?.program ?? "redis"}`,
    );
    return new Story(this.#nodes, world, console.log).tell(this.#redis);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.#redis?.kill();
  }
}

// Not process.exitCode: what an interrupt has come between may be waiting for something still.
process.exit(await runProgram(usage, (request) => new Run(request), ["redis"]));

// => berlin, lima, tokyo: three processes, one cache in redis-server
// =>
// => All three ask for p1 at once. The catalogue is asked once, by one for all.
// =>   3 reads, catalogue asked once
// =>   products with "lamp": p1
// =>
// => Each reads it 1000 times. Only the first read goes to Redis.
// =>   berlin  has answered 999 or more of 1000 with its own copy
// =>   lima    has answered 999 or more of 1000 with its own copy
// =>   tokyo   has answered 999 or more of 1000 with its own copy
// =>   catalogue asked 0 times
// =>
// => berlin renames p1. The copies of the others go, and the index follows.
// =>   berlin  reads Floor lamp
// =>   lima    reads Floor lamp
// =>   tokyo   reads Floor lamp
// =>   products with "floor": p1
// =>   products with "desk": none
// =>
// => Redis is killed.
// =>   tokyo   can't rename p1: nothing is changed
// =>   berlin  reads Office chair (from the catalogue)
// =>   lima    reads Office chair (from the catalogue)
// =>   tokyo   reads Office chair (from the catalogue)
// =>   redis-server is back, with nothing in it
// =>   tokyo   has renamed p1 at last
// =>   products with "light": p1
// =>   the index was built anew: journal_lost
// =>
// => All in all:
// =>   products with "desk": none
// => stale reads: 0
