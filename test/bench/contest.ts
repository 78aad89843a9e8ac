import { type Load, type Peer, type Rig, Tally } from "./load.js";
import { collectGarbage, collectYoung, oneTurn, type Rounds, type Settings } from "./scenario.js";

/** A contestant's share of one round. */
export interface Timing {
  readonly puts: number;
  /** Milliseconds until all puts had been made. */
  readonly putting: number;
  /** Milliseconds until the last handler had run. */
  readonly handled: number;
}

interface Contestant {
  readonly peer: Peer;
  readonly name: string;
  readonly rig: Rig;
  readonly tally: Tally;
  readonly readers: number;
  readonly timings: Timing[];
  /** Puts between two turns of the event loop; Infinity: all of a round. */
  readonly perTurn: number;
  /** The whole work of a round, and what of it is done. */
  readonly work: number;
  puts: number;
}

/** Who takes part, and with which load, if not that of all. */
export interface Entry {
  readonly peer: Peer;
  readonly as?: string;
  readonly load?: Partial<Omit<Load, "handle">>;
  readonly puts?: number;
}

const entryOf = (entry: Entry | Peer): Entry => ("open" in entry ? { peer: entry } : entry);

/**
 * Has each contestant put `puts` entries, round by round in turn, each round beginning with another one.
 *
 * @param perTurn puts between two turns of the event loop; default: none of its turns is between the puts
 * @returns by contestant, the timings of the rounds that count
 */
export async function contest(
  entries: readonly (Entry | Peer)[],
  load: Omit<Load, "handle">,
  puts: number,
  settings: Settings,
  perTurn = Infinity,
): Promise<Map<string, Timing[]>> {
  const contestants: Contestant[] = [];
  for (const { peer, as = peer.name, load: own, puts: work = puts } of entries.map(entryOf)) {
    const tally = new Tally();
    const full = { ...load, ...own, handle: (key: string) => tally.note(key) };
    const rig = await peer.open(full);
    const { readers } = full;
    contestants.push({
      peer,
      name: as,
      rig,
      tally,
      readers,
      timings: [],
      perTurn,
      work,
      puts: Math.ceil(work / 20),
    });
  }
  collectGarbage();
  for (let round = -settings.warmups; round < settings.rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const place = (turn + round + settings.warmups) % contestants.length;
      const contestant = contestants[place] as Contestant;
      const timing = await turnOf(contestant);
      if (round >= 0) contestant.timings.push(timing);
      else contestant.puts = affordable(contestant, timing, settings.budget);
    }
  }
  for (const { rig } of contestants) await rig.close();
  return new Map(contestants.map(({ name, timings }) => [name, timings]));
}

async function turnOf({ rig, tally, readers, puts, perTurn }: Contestant): Promise<Timing> {
  collectYoung();
  await oneTurn();
  const handled = readers === 0 ? undefined : tally.expect(puts * readers);
  const start = performance.now();
  const made = puts <= perTurn ? rig.burst(puts) : inTurns(rig, puts, perTurn);
  if (made !== undefined) await made;
  const putting = performance.now() - start;
  const end = (await handled) ?? start + putting;
  return { puts, putting, handled: end - start };
}

async function inTurns(rig: Rig, puts: number, perTurn: number): Promise<void> {
  for (let left = puts; left > 0; left -= perTurn) {
    const made = rig.burst(Math.min(left, perTurn));
    if (made !== undefined) await made;
    await oneTurn();
  }
}

/** Who is so slow that the whole work would take longer than a round may does less of it; the figures are for one put each. */
function affordable({ work, puts }: Contestant, { handled }: Timing, budget: number): number {
  return Math.max(Math.ceil(work / 100), Math.min(work, Math.floor((puts * budget) / handled)));
}

/** One figure of each timing, by contestant. */
export const each = (
  timings: ReadonlyMap<string, readonly Timing[]>,
  figure: (timing: Timing) => number,
): Rounds => new Map([...timings].map(([name, list]) => [name, list.map(figure)]));

export const nsToPut = ({ puts, putting }: Timing): number => (putting * 1e6) / puts;
export const nsToHandle = ({ puts, handled }: Timing): number => (handled * 1e6) / puts;
