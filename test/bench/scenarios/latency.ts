import { type Peer, type Rig, Tally } from "../load.js";
import { ours } from "../ours.js";
import { withEvents } from "../peers/index.js";
import { collectGarbage, resultOf, type Scenario, type Settings } from "../scenario.js";
import { quantile } from "../stats.js";

/** Few: they take no part in the figures. */
const entries = 10_000;
/** Milliseconds between two puts. */
const pace = 1;

/** Puts at an even pace, each due `pace` after the one before was due, and notes how long its handler took to begin. */
class Pacer {
  readonly #rig: Rig;
  readonly #tally: Tally;

  constructor(rig: Rig, tally: Tally) {
    this.#rig = rig;
    this.#tally = tally;
  }

  /** @returns microseconds from each put to its handler */
  async measure(puts: number): Promise<number[]> {
    const latencies: number[] = [];
    let due = performance.now() + pace;
    for (let n = 0; n < puts; n++) {
      while (performance.now() < due) await new Promise((resolve) => setImmediate(resolve));
      due = Math.max(due + pace, performance.now());
      const handled = this.#tally.expect(1);
      const start = performance.now();
      const put = this.#rig.put();
      latencies.push(((await handled) - start) * 1e3);
      if (put !== undefined) await put;
    }
    return latencies;
  }
}

/** (g): from the call of put to the begin of its handler, at 1,000 puts a second. */
export const latency: Scenario = {
  id: "g",
  title: "latency put -> handler at 1,000/s",
  about: "from the call to the handler; synchronous peers run it inside the put",
  async run(settings) {
    const pacers: { name: string; pacer: Pacer; rig: Rig; all: number[][] }[] = [];
    for (const peer of [ours(), ...withEvents]) {
      const { rig, tally } = await openFor(peer);
      pacers.push({ name: peer.name, pacer: new Pacer(rig, tally), rig, all: [] });
    }
    collectGarbage();
    const puts = putsOf(settings);
    for (let round = -1; round < settings.rounds; round++)
      for (const { pacer, all } of pacers) {
        const latencies = await pacer.measure(round < 0 ? Math.ceil(puts / 2) : puts);
        if (round >= 0) all.push(latencies);
      }
    for (const { rig } of pacers) await rig.close();
    return ([0.5, 0.99, 0.999] as const).map((share) => {
      const rounds = new Map(
        pacers.map(({ name, all }) => [name, all.map((values) => quantile(values, share))]),
      );
      return resultOf("g", `p${share * 100}`, "µs", "lower", rounds);
    });
  },
};

const putsOf = ({ scale }: Settings): number =>
  Math.max(5, Math.round(scale < 1 ? 500 * scale : 2000));

async function openFor(peer: Peer): Promise<{ rig: Rig; tally: Tally }> {
  const tally = new Tally();
  const rig = await peer.open({ entries, readers: 1, handle: (key) => tally.note(key) });
  return { rig, tally };
}
