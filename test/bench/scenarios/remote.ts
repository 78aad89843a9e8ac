import { type Engine, startBroker } from "../remote/broker.js";
import { type ContestantName, contestants } from "../remote/contestants.js";
import { Remote, sharedNow } from "../remote/receiver.js";
import type { Sender, Setup } from "../remote/setup.js";
import {
  collectYoung,
  oneTurn,
  type Result,
  resultOf,
  type Rounds,
  type Scenario,
  scaled,
  type Settings,
  us,
} from "../scenario.js";
import { quantile } from "../stats.js";

const labels: Readonly<Record<ContestantName, (engine: Engine) => string>> = {
  ours: () => us,
  oneByOne: (engine) => `lru-cache + ${engine}, one publish each`,
  batched: (engine) => `lru-cache + ${engine}, arrays of ${stretch} by hand`,
};
const names = Object.keys(labels) as ContestantName[];

/** Entries stored in one turn of the event loop. */
const stretch = 1000;
/** Bursts that the broker may not have taken yet. */
const longestQueue = 4;
/** The slow ones do less work; the figures are for each event. */
const share: Readonly<Record<ContestantName, number>> = { ours: 1, oneByOne: 0.2, batched: 1 };
/** Milliseconds between two puts, where latency is measured. */
const pace = 1;

interface Runner {
  readonly name: ContestantName;
  readonly sender: Sender;
}

/** (n), (o): from a put in one process to the handler in another one, over a broker on the same machine. */
const overBroker = (id: string, engine: Engine): Scenario => ({
  id,
  title: `put -> handler in another process, over ${engine}`,
  about: `two processes, one broker; ${stretch} puts a turn; the peers send type and key as JSON; latency at 1,000 puts/s`,
  async run(settings) {
    const broker = await startBroker(engine);
    const remote = new Remote();
    try {
      const results: Result[] = [];
      for (const withValue of [false, true]) {
        const runners: Runner[] = [];
        for (const name of names) {
          const channel = `bench-${name}-${withValue}`;
          const setup: Setup = { engine, port: broker.port, channel, withValue };
          await remote.open(name, setup);
          runners.push({ name, sender: await contestants[name].send(setup) });
        }
        const what = withValue ? "with value" : "type and key";
        results.push(await throughput(id, engine, what, runners, remote, settings));
        if (!withValue) results.push(...(await latency(id, engine, runners, remote, settings)));
        for (const { sender } of runners) await sender.close();
      }
      return results;
    } finally {
      remote.close();
      broker.stop();
    }
  },
});

export const overRedis = overBroker("n", "redis");
export const overNats = overBroker("o", "nats");

async function throughput(
  id: string,
  engine: Engine,
  what: string,
  runners: readonly Runner[],
  remote: Remote,
  settings: Settings,
): Promise<Result> {
  const rounds = await inTurn(engine, runners, settings, async ({ name, sender }) => {
    const puts = scaled(100_000 * share[name], settings, stretch);
    const { done } = await remote.expect(puts, false);
    const start = sharedNow();
    const queue: (Promise<unknown> | undefined)[] = [];
    for (let left = puts; left > 0; left -= stretch) {
      queue.push(sender.burst(Math.min(left, stretch)));
      await oneTurn();
      if (queue.length > longestQueue) await queue.shift();
    }
    return (puts * 1e6) / ((await done).at - start);
  });
  return resultOf(id, what, "events/s", "higher", rounds);
}

/** One at a time: there is nothing to batch. */
async function latency(
  id: string,
  engine: Engine,
  runners: readonly Runner[],
  remote: Remote,
  settings: Settings,
): Promise<Result[]> {
  const puts = scaled(2000, settings, 5);
  const all = new Map<ContestantName, number[][]>();
  const few = runners.filter(({ name }) => name !== "batched");
  await inTurn(engine, few, settings, async ({ name, sender }) => {
    const { done } = await remote.expect(puts, true);
    const starts: number[] = [];
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        starts.push(sharedNow());
        void sender.burst(1);
        if (starts.length < puts) return;
        clearInterval(timer);
        resolve();
      }, pace);
    });
    const { times } = await done;
    const taken = times.map((at, index) => at - (starts[index] as number));
    all.set(name, [...(all.get(name) ?? []), taken]);
    return 0;
  });
  return [0.5, 0.99].map((share) => {
    const rounds: Rounds = new Map(
      [...all].map(([name, taken]) => [
        labels[name](engine),
        taken.slice(-settings.rounds).map((values) => quantile(values, share)),
      ]),
    );
    return resultOf(id, `p${share * 100}`, "µs", "lower", rounds);
  });
}

/** Has each have its turn in every round, each round beginning with another one. */
async function inTurn(
  engine: Engine,
  runners: readonly Runner[],
  { rounds, warmups }: Settings,
  turn: (runner: Runner) => Promise<number>,
): Promise<Rounds> {
  const figures = new Map(runners.map(({ name }) => [labels[name](engine), [] as number[]]));
  for (let round = -warmups; round < rounds; round++)
    for (let place = 0; place < runners.length; place++) {
      const runner = runners[(place + round + warmups) % runners.length] as Runner;
      collectYoung();
      await oneTurn();
      const figure = await turn(runner);
      if (round >= 0) figures.get(labels[runner.name](engine))?.push(figure);
    }
  return figures;
}
