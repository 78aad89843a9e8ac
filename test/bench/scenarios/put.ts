import { contest, each, nsToHandle, nsToPut } from "../contest.js";
import { type Peer, putsAtATime } from "../load.js";
import { ours } from "../ours.js";
import { bareLru } from "../peers/bare-lru.js";
import { eventObject, eventObjectName } from "../peers/event-object.js";
import { caches, withEvents } from "../peers/index.js";
import { resultOf, type Scenario, scaled, type Settings, us } from "../scenario.js";

/** (a), (b): what a put costs that nobody reads of. */
export const withoutStream: Scenario = {
  id: "a",
  title: "put with no stream",
  about: "a put, nobody told; the bare lru-cache has the same limit of entries",
  async run(settings) {
    const { entries } = settings;
    const load = { entries, readers: 0 };
    const puts = scaled(100_000, settings);
    const timings = await contest([ours({ stream: false }), ...caches], load, puts, settings);
    return [resultOf("a", "no stream", "ns/put", "lower", each(timings, nsToPut))];
  },
};

export const withoutReader: Scenario = {
  id: "b",
  title: "put with a stream and no reader",
  about: "a put that is logged; the peers have no listener",
  async run(settings) {
    const { entries } = settings;
    const load = { entries, readers: 0 };
    const peers = [bareLru, ...withEvents];
    const timings = await contest([ours(), ...peers], load, scaled(100_000, settings), settings);
    return [resultOf("b", "no reader", "ns/put", "lower", each(timings, nsToPut))];
  },
};

/** How the puts come: with a turn of the event loop every 1,000, or with none before the last one. */
type Shape = "turns" | "bursts";

/** (c), (d): until the handler of the last put has run. */
export const unpartitioned = (shape: Shape): Scenario => ({
  id: "c",
  title: `put -> handler, unpartitioned, ${inShape[shape]}`,
  about: `puts until the last handler has run; one supervised handler. Equal event: ${equalEvent}`,
  run: (settings) =>
    handled("c", shape, settings, {
      unpartitioned: { peer: ours(), value: false },
      "unpartitioned, with value": { peer: ours({ include: ["value"] }), value: true },
    }),
});

export const partitioned = (shape: Shape): Scenario => ({
  id: "d",
  title: `put -> handlers, partitioned, ${inShape[shape]}`,
  about:
    "the same with a supervised handler a partition; the peers, which have no partitions, as in (c)",
  run: (settings) =>
    handled("d", shape, settings, {
      "4 partitions": { peer: ours({ partitions: 4 }), value: false },
      "8 partitions": { peer: ours({ partitions: 8 }), value: false },
    }),
});

const inShape: Readonly<Record<Shape, string>> = {
  turns: `in turns of ${putsAtATime.toLocaleString("en")}`,
  bursts: "in one burst",
};

const equalEvent = "an object with what is in ours, in place of key and value alone";

interface Variant {
  readonly peer: Peer;
  /** Whether its events include the value. */
  readonly value: boolean;
}

/** Variants of ours against the same rounds of the peers. */
async function handled(
  id: string,
  shape: Shape,
  settings: Settings,
  variants: Record<string, Variant>,
) {
  const load = { entries: settings.entries, readers: 1 };
  const puts = scaled(100_000, settings);
  const own = Object.entries(variants).map(([as, { peer }]) => ({ peer, as }));
  const equal = [...new Set(Object.values(variants).map(({ value }) => value))].map((value) => ({
    peer: eventObject({ value }),
    as: equalTo(value),
  }));
  const perTurn = shape === "turns" ? putsAtATime : Infinity;
  const contestants = [...own, ...equal, ...withEvents];
  const timings = each(await contest(contestants, load, puts, settings, perTurn), nsToHandle);
  const roundsOf = (name: string): readonly number[] => timings.get(name) ?? [];
  const [floor, ...others] = withEvents.map(({ name }) => name);
  return Object.entries(variants).map(([name, { value }]) => {
    const rounds: [string, readonly number[]][] = [
      [us, roundsOf(name)],
      [floor as string, roundsOf(floor as string)],
      [eventObjectName, roundsOf(equalTo(value))],
      ...others.map((other): [string, readonly number[]] => [other, roundsOf(other)]),
    ];
    return resultOf(id, `${name}, ${shape}`, "ns/event", "lower", new Map(rounds));
  });
}

/** The emitter with an event object, with or without the value. */
const equalTo = (value: boolean): string =>
  value ? `${eventObjectName}, with value` : eventObjectName;
