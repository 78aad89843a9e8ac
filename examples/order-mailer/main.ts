/**
 * Three processes take orders, and one mail goes out about each, whatever happens to them: over Redis or NATS:
 * `npx tsx examples/order-mailer/main.ts [redis|nats] [--url URL]`. Start reading at shop.ts; journal.ts has the line that is
 * different for NATS, post-office.ts what guards the mails, story.ts what is shown.
 */
import { Broker } from "../shared/broker.js";
import { type Request, runProgram } from "../shared/program.js";
import { PostOffice } from "./post-office.js";
import { Story } from "./story.js";

const usage = `Usage: npx tsx examples/order-mailer/main.ts [redis|nats] [--url URL]

  redis|nats   the engine (default redis); a server is started if it is installed
  --url URL    use the server there, as redis://host:port or nats://host:port

Exit status: 0 each mail went out once; 1 some did not, or the run failed; 2 a bad option, or there is no server; 130 interrupted.
`;

/** The engine and the three processes. */
class Run {
  readonly #request: Request;
  #broker: Broker | undefined;
  #story: Story | undefined;

  constructor(request: Request) {
    this.#request = request;
  }

  async tell(): Promise<boolean> {
    const { engine, url } = this.#request;
    if (url === undefined) this.#broker = await Broker.start(engine);
    const place = {
      engine,
      url: url ?? this.#broker?.url ?? "",
      namespace: `order-mailer-${process.pid}`,
    };
    this.#story = new Story(place, new PostOffice(), console.log);
    await this.#story.begin();
    console.log(`berlin, lima, tokyo: three processes, over ${this.#broker?.program ?? engine}`);
    return this.#story.tell();
  }

  async stop(): Promise<void> {
    await this.#story?.stop();
    await this.#broker?.kill();
  }
}

// Not process.exitCode: what an interrupt has come between may be waiting for something still.
process.exit(await runProgram(usage, (request) => new Run(request)));

// => berlin, lima, tokyo: three processes, over redis-server
// =>
// => All three take orders. Each sends the mails of its two partitions.
// =>   300 orders, 300 mails
// =>
// => berlin and lima take orders. tokyo is killed meanwhile (SIGKILL), and started again.
// =>   900 orders, 900 mails: the others have sent tokyo's mails
// =>
// => berlin and tokyo take orders. lima stands still (SIGSTOP), for two leases.
// =>   1500 orders, 1500 mails: the others have sent lima's mails
// =>   1600 orders, 1600 mails: lima is back
// =>
// => A deploy: one process after the other stops in order, and is started again.
// =>   2200 orders, 2200 mails: 0 of them were handed in a second time
// =>
// => All in all:
// =>   lima and tokyo may have taken orders that they could not store
// => 2200 orders, 2200 mails, orders with more than one: 0
