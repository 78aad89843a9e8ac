/**
 * Three processes with a near cache each in front of one source of truth, kept true over Redis or NATS:
 * `npx tsx examples/near-cache/main.ts [redis|nats] [--url URL]`. Start reading at near-cache.ts; pubsub.ts has the line that is
 * different for NATS, story.ts what is shown.
 */
import { Broker } from "../shared/broker.js";
import { type Request, runProgram } from "../shared/program.js";
import { Cluster } from "./cluster.js";
import { MemorySource } from "./source.js";
import { Story, users } from "./story.js";

const usage = `Usage: npx tsx examples/near-cache/main.ts [redis|nats] [--url URL]

  redis|nats   the engine (default redis); a server is started if it is installed
  --url URL    use the server there, as redis://host:port or nats://host:port; it is not killed

Exit status: 0 no read was stale; 1 some were, or the run failed; 2 a bad option, or there is no server; 130 interrupted.
`;

/** The broker and the three processes. */
class Run {
  readonly #request: Request;
  #broker: Broker | undefined;
  #cluster: Cluster | undefined;

  constructor(request: Request) {
    this.#request = request;
  }

  async tell(): Promise<boolean> {
    const { engine, url } = this.#request;
    if (url === undefined) this.#broker = await Broker.start(engine);
    const source = new MemorySource(users);
    const names = ["berlin", "lima", "tokyo"];
    const place = {
      engine,
      url: url ?? this.#broker?.url ?? "",
      namespace: `near-cache-${process.pid}`,
    };
    this.#cluster = new Cluster(names, place, source);
    await this.#cluster.ready();
    console.log(
      `${names.join(", ")}: three processes, connected by ${this.#broker?.program ?? engine}`,
    );
    return (await new Story(this.#cluster, source, console.log).tell(this.#broker)) === 0;
  }

  async stop(): Promise<void> {
    await this.#cluster?.stop();
    await this.#broker?.kill();
  }
}

// Not process.exitCode: what an interrupt has come between may be waiting for something still.
process.exit(await runProgram(usage, (request) => new Run(request)));

// => berlin, lima, tokyo: three processes, connected by redis-server
// =>
// => Each process reads user:1 twice. The source is asked once by each.
// =>   berlin  reads Ada (asks the source)
// =>   berlin  reads Ada (its copy)
// =>   lima    reads Ada (asks the source)
// =>   lima    reads Ada (its copy)
// =>   tokyo   reads Ada (asks the source)
// =>   tokyo   reads Ada (its copy)
// =>
// => berlin renames user:1. The copies of the others go.
// =>   berlin  has written to the source, then to its cache
// =>   lima    has no copies
// =>   tokyo   has no copies
// =>   berlin  reads Ada Lovelace (its copy)
// =>   lima    reads Ada Lovelace (asks the source)
// =>   tokyo   reads Ada Lovelace (asks the source)
// =>
// => All read user:2 1000 times, at once. Storing a copy is no change: nobody else's goes.
// =>   3000 reads, source asked 3 times, copies lost: 0
// =>
// => The broker is killed, and tokyo renames user:2 meanwhile.
// =>   tokyo   has written: that needs no broker
// =>   berlin  reads Benjamin (asks the source, for it knows that it is cut off)
// =>   lima    reads Benjamin (asks the source, for it knows that it is cut off)
// =>   berlin  is told that it may miss changes of tokyo: 3 copies gone, no copies left
// =>   lima    is told that it may miss changes of tokyo: 3 copies gone, no copies left
// =>   redis-server is back
// =>   berlin  reads Benjamin (asks the source)
// =>   berlin  reads Benjamin (its copy)
// =>   lima    reads Benjamin (asks the source)
// =>   lima    reads Benjamin (its copy)
// =>
// => All in all:
// =>   berlin  1010 reads, 1003 hits (99.3 %)
// =>   lima    1010 reads, 1002 hits (99.2 %)
// =>   tokyo   1007 reads, 1000 hits (99.3 %)
// => stale reads: 0
