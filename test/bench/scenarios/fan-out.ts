import { contest, each, nsToHandle, nsToPut, type Timing } from "../contest.js";
import { ours } from "../ours.js";
import { withEvents } from "../peers/index.js";
import { eventemitter3 } from "../peers/eventemitter3.js";
import { nodeEmitter } from "../peers/node-emitter.js";
import { rxjs } from "../peers/rxjs.js";
import { resultOf, type Scenario, scaled, type Settings, us } from "../scenario.js";

/** Fewer for a quick run: they are stored once more for each number of readers. */
const entriesFor = ({ scale, entries }: Settings): number => (scale < 1 ? 10_000 : entries);
/** Deliveries of a full round. */
const deliveries = 1_000_000;
const putsFor = (readers: number): number =>
  Math.max(100, Math.min(100_000, Math.floor(deliveries / readers)));
const callbacks = ours({ callbacks: true });

const one = "ours, 1 reader";
const oneReader = { peer: callbacks, as: one, load: { readers: 1, bystanders: 0 } };

/** (e): how many deliveries a second, and what the readers cost the writer. */
export const fanOut: Scenario = {
  id: "e",
  title: "fan-out to 1, 10, 100, 1,000 readers",
  about:
    "deliveries/s: until all handlers have run. Put alone: what the writer pays, against one reader of ours",
  async run(settings) {
    const entries = entriesFor(settings);
    const results = [];
    for (const readers of [1, 10, 100, 1000]) {
      const load = { entries, readers };
      const puts = scaled(putsFor(readers), settings, 10);
      const patient = { ...settings, budget: settings.budget * 4 };
      const timings = await contest([callbacks, ...withEvents], load, puts, patient);
      const rate = ({ puts: done, handled }: Timing): number => (done * readers * 1e3) / handled;
      const name = `${readers} readers`;
      results.push(resultOf("e", name, "deliveries/s", "higher", each(timings, rate)));
    }
    for (const readers of [100, 1000]) {
      // Many enough that the figure is that of the puts, not that of the first one, which wakes the readers.
      const puts = scaled(10_000, settings, 2000);
      const whole = { ...settings, budget: Infinity };
      const timings = await contest([callbacks, oneReader], { entries, readers }, puts, whole);
      const name = `put alone, ${readers} readers`;
      results.push(resultOf("e", name, "ns/put", "lower", each(timings, nsToPut)));
    }
    return results;
  },
};

/** (f): 1,000 readers of which one wants the event's type. */
export const filtered: Scenario = {
  id: "f",
  title: "1,000 readers of which one wants the event",
  about:
    "the other 999 want deletions only. Put alone: what the writer pays, against one reader in all",
  async run(settings) {
    const entries = entriesFor(settings);
    const load = { entries, readers: 1, bystanders: 999 };
    const puts = scaled(100_000, settings);
    const peers = [eventemitter3, nodeEmitter, rxjs];
    const timings = await contest([callbacks, oneReader, ...peers], load, puts, settings);
    const alone = new Map([...timings].filter(([who]) => who === us || who === one));
    return [
      resultOf("f", "put alone", "ns/put", "lower", each(alone, nsToPut)),
      resultOf("f", "put -> handler", "ns/event", "lower", each(timings, nsToHandle)),
    ];
  },
};
