import type { SeenOrigin } from "./protocol.js";

/** What a reader has to account for: one epoch of one node in one partition. */
export interface Written {
  /** Events written. */
  readonly count: number;
  /** The first event that the reader is owed. */
  readonly owedFrom: number;
  /** Whether that epoch was killed: then a gap without an end accounts for the rest. */
  readonly killed: boolean;
}

/** What happened to the events written, for one reader; in events. */
export interface Account {
  readonly received: number;
  /** Missing, and reported in gaps. */
  readonly announced: number;
  /** Neither received nor reported. */
  readonly unaccounted: number;
  readonly twice: number;
  /** Received after a later one. */
  readonly outOfOrder: number;
  /** Received, or reported as missing, but never written; or reported as missing, but received. */
  readonly madeUp: number;
}

export const nothing: Account = Object.freeze({
  received: 0,
  announced: 0,
  unaccounted: 0,
  twice: 0,
  outOfOrder: 0,
  madeUp: 0,
});

export function sum(accounts: readonly Account[]): Account {
  const total = { ...nothing };
  for (const account of accounts)
    for (const name of Object.keys(total) as (keyof Account)[]) total[name] += account[name];
  return total;
}

/** Compares what a reader has received with what was written. */
export function accountOf(
  { runs, gaps }: Pick<SeenOrigin, "runs" | "gaps">,
  { count, owedFrom, killed }: Written,
): Account {
  const times = new Uint8Array(count);
  const reported = new Uint8Array(count);
  let twice = 0;
  let outOfOrder = 0;
  let madeUp = 0;
  let last = -1;
  for (let place = 0; place < runs.length; place += 2) {
    const from = runs[place] as number;
    const to = runs[place + 1] as number;
    for (let sequence = from; sequence <= to; sequence++) {
      if (sequence >= count) madeUp++;
      else if (++(times[sequence] as number) > 1) twice++;
      if (sequence < last) outOfOrder++;
      last = Math.max(last, sequence);
    }
  }
  for (const { from, to } of gaps) {
    madeUp += Math.max(0, to - Math.max(from, count) + 1);
    // A gap without an end does not contradict later events; for an epoch that continues, missing
    // events are reported with bounds.
    const isOpen = to < from;
    if (isOpen && (!killed || from <= last)) continue;
    const end = isOpen ? count - 1 : Math.min(to, count - 1);
    for (let sequence = from; sequence <= end; sequence++) {
      if (times[sequence] !== 0) madeUp++;
      reported[sequence] = 1;
    }
  }
  const account = { received: 0, announced: 0, unaccounted: 0, twice, outOfOrder, madeUp };
  for (let sequence = 0; sequence < count; sequence++) {
    if (times[sequence] !== 0) account.received++;
    else if (reported[sequence] !== 0) account.announced++;
    else if (sequence >= owedFrom) account.unaccounted++;
  }
  return account;
}
