import { contest, type Entry, type Timing } from "../contest.js";
import type { Peer } from "../load.js";
import { ours } from "../ours.js";
import { eventemitter3 } from "../peers/eventemitter3.js";
import { type Result, resultOf, type Scenario, scaled, type Settings, us } from "../scenario.js";

const partitions = 4;
/** Deliveries of a full round, unless there are so many readers that each would get but a few events at a time. */
const deliveries = 200_000;
/** Puts at the least: what it costs to wake a reader is shared by the events of a batch, whatever the number of readers. */
const leastPuts = 200;
const some = (count: number, what: string): string => `${count.toLocaleString("en")} ${what}`;

interface Axis {
  readonly what: string;
  readonly sizes: readonly number[];
  readonly ours: (size: number) => Peer;
  readonly load: (size: number) => { entries: number; readers: number };
}

const axes: readonly Axis[] = [
  {
    what: "entries",
    sizes: [1000, 10_000, 100_000, 1_000_000],
    ours: () => ours({ partitions }),
    load: (entries) => ({ entries, readers: 1 }),
  },
  {
    what: "partitions",
    sizes: [1, 4, 16, 64],
    ours: (size) => ours({ partitions: size }),
    load: () => ({ entries: 100_000, readers: 1 }),
  },
  {
    what: "readers",
    sizes: [1, 10, 100, 1000, 10_000],
    ours: () => ours({ partitions, callbacks: true }),
    load: (readers) => ({ entries: 10_000, readers }),
  },
];

/** (j): how the cost of an event grows with entries, partitions and readers. */
export const growth: Scenario = {
  id: "j",
  title: "growth of (d)",
  about:
    "nanoseconds for each event delivered; against the smallest of ours, and against the emitter at that size",
  async run(settings) {
    const results: Result[] = [];
    for (const axis of axes) {
      // A quick run leaves out the largest size, for which most of the time would be spent in setting up.
      const sizes = settings.scale < 1 ? axis.sizes.slice(0, -1) : axis.sizes;
      results.push(...(await along({ ...axis, sizes }, settings)));
    }
    return results;
  },
};

/** All sizes are in one contest, so that the growth is seen in one weather. */
async function along({ what, sizes, ours: oursOf, load }: Axis, settings: Settings) {
  const full = sizes.map((size) => ({ size, readers: load(size).readers }));
  const entries: Entry[] = full.flatMap(({ size, readers }) => {
    const puts = scaled(Math.max(deliveries / readers, leastPuts), settings, leastPuts);
    return [
      { peer: oursOf(size), as: `${us} ${size}`, load: load(size), puts },
      { peer: eventemitter3, as: `${eventemitter3.name} ${size}`, load: load(size), puts },
    ];
  });
  const timings = await contest(entries, { entries: 0, readers: 0 }, 0, settings);
  const [smallest] = sizes;
  return full.map(({ size, readers }) => {
    const cost = (who: string, at: number | undefined, readersThere: number): number[] =>
      (timings.get(`${who} ${at}`) ?? []).map(
        ({ puts, handled }: Timing) => (handled * 1e6) / (puts * readersThere),
      );
    const rounds = new Map([
      [us, cost(us, size, readers)],
      [`ours, ${some(smallest ?? 0, what)}`, cost(us, smallest, full[0]?.readers ?? 1)],
      [eventemitter3.name, cost(eventemitter3.name, size, readers)],
    ]);
    return resultOf("j", some(size, what), "ns/delivery", "lower", rounds);
  });
}
