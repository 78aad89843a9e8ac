import fc from "../helpers/fast-check.js";
import { heartbeat } from "./cluster.js";

export const nodeNames = ["a", "b", "c"];

/** `times` commands of a node; the keys begin at `key`. */
export interface Write {
  readonly kind: "put" | "delete" | "putAll" | "prefix" | "all";
  readonly node: string;
  readonly key: number;
  readonly times: number;
}

/** An operation on a node, or between nodes. */
export type Op =
  | Write
  | { readonly kind: "turns"; readonly count: number }
  | { readonly kind: "time"; readonly ms: number }
  | {
      readonly kind: "lost" | "twice";
      readonly from: string;
      readonly to: string;
      readonly messages: number;
    }
  | {
      readonly kind:
        | ("disconnect" | "connect" | "pause" | "resume" | "hold" | "release")
        | ("kill" | "crash" | "worker" | "replace" | "cache");
      readonly node: string;
    };

export interface Setup {
  readonly partitions: number | undefined;
  readonly ordered: boolean;
  readonly seed: number;
  readonly capacity?: number;
}

const node = fc.constantFrom(...nodeNames);
const messages = fc.integer({ min: 1, max: 4 });
const kind = <const Kind extends string>(...kinds: Kind[]): fc.Arbitrary<Kind> =>
  fc.constantFrom(...kinds);

const write = fc.record({
  kind: kind("put", "put", "put", "delete", "putAll", "prefix", "all"),
  node,
  key: fc.nat(9),
  times: fc.constantFrom(1, 1, 2, 5, 40),
});
const turns = fc.record({ kind: kind("turns"), count: fc.integer({ min: 1, max: 12 }) });
const time = fc.record({
  kind: kind("time"),
  ms: fc.constantFrom(10, heartbeat / 3, heartbeat, 2.5 * heartbeat),
});
const crash = fc.record({ kind: kind("kill", "crash", "worker"), node });
const twice = fc.record({ kind: kind("twice"), from: node, to: node, messages });
const lost = fc.record({ kind: kind("lost"), from: node, to: node, messages });
const network = fc.record({
  kind: kind(
    ...(["disconnect", "connect", "connect"] as const),
    ...(["pause", "resume", "resume"] as const),
    ...(["hold", "release", "release"] as const),
  ),
  node,
});
const restart = fc.record({ kind: kind("replace", "cache"), node });

/** Operations that lose nothing. */
export const harmless: fc.Arbitrary<Op> = fc.oneof(
  { arbitrary: write, weight: 10 },
  { arbitrary: turns, weight: 6 },
  { arbitrary: time, weight: 1 },
  { arbitrary: crash, weight: 1 },
  { arbitrary: twice, weight: 1 },
);

export const harmful: fc.Arbitrary<Op> = fc.oneof(
  { arbitrary: harmless, weight: 19 },
  { arbitrary: lost, weight: 2 },
  { arbitrary: network, weight: 5 },
  { arbitrary: restart, weight: 1 },
);

export const setup: fc.Arbitrary<Setup> = fc.record({
  partitions: fc.constantFrom(undefined, 1, 4),
  ordered: fc.boolean(),
  seed: fc.nat(),
});
