import { expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { getStream } from "../../src/index.js";
import { Cluster, type Message } from "./cluster.js";

/** Which node writes, how often, and whether the reader then reads and resumes with its token. */
const step = fc.record({
  writer: fc.constantFrom("a", "b"),
  writes: fc.integer({ min: 1, max: 400 }),
  reads: fc.integer({ min: 0, max: 400 }),
  resumes: fc.boolean(),
  restarts: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});

const idOf = ({ node, epoch, sequence, partition }: Place): string =>
  `${node} ${epoch} ${partition} ${sequence}`;
interface Place {
  node: string;
  epoch: string;
  partition: number | null;
  sequence: number;
}

const at = { writer: "b", resumes: true, restarts: false } as const;
const owed = [
  { ...at, writes: 155, reads: 194, resumes: false },
  { ...at, writes: 319, reads: 77 },
  { ...at, writes: 115, reads: 40 },
  { ...at, writes: 275, reads: 211 },
  { ...at, writes: 296, reads: 114, resumes: false },
];

test("a reader that resumes with its token receives each event once, or in a gap", async () => {
  await fc.assert(
    asyncProperty(
      fc.array(step, { minLength: 2, maxLength: 8 }),
      fc.constantFrom(undefined, 3),
      fc.constantFrom(20, 300, 4000),
      async (steps, partitions, retain) => {
        await using cluster = new Cluster();
        const stream = { retain, ...(partitions === undefined ? {} : { partitions }) };
        const [a, b] = await cluster.startAll(["a", "b"], { stream });
        if (a === undefined || b === undefined) throw new Error("no nodes");
        // What `b` receives while it has a reader that misses nothing is the reference.
        const truth = b.read();
        await cluster.rest();
        let reader = b.cache.events({ gaps: true });
        const given: Message[] = [];
        let written = 0;
        for (const { writer, writes, reads, resumes, restarts } of steps) {
          for (let n = 0; n < writes; n++) (writer === "a" ? a : b).cache.put(`k${n % 50}`, n);
          written += writes;
          await cluster.until(() => truth.events.length >= written);
          for (let n = 0; n < reads && reader.lag > 1; n++) {
            const { value } = await reader.next();
            if (value !== undefined) given.push(value as Message);
          }
          if (!resumes) continue;
          const token = reader.position();
          await reader.return?.();
          // The log drops what is before the token, unless it has another reader.
          if (restarts) await cluster.hit(b, "users:stream", "kill");
          reader = b.cache.events({ gaps: true, from: token });
        }
        b.cache.put("last", 0);
        await cluster.until(() => truth.events.length === written + 1);
        for (let isLast = false; !isLast;) {
          const { value } = await reader.next();
          given.push(value as Message);
          isLast = reader.lag <= 1;
        }
        const once = given.flatMap((it) => (it.type === "gap" ? [] : [idOf(it.metadata)]));
        expect(new Set(once).size).toBe(once.length);
        const gaps = given.flatMap((it) => (it.type === "gap" ? [it] : []));
        const isOpen = gaps.some(({ from, to }) => to < from);
        const inGap = ({ node, epoch, partition, sequence }: Place): boolean =>
          gaps.some(
            (gap) =>
              gap.node === node &&
              gap.epoch === epoch &&
              gap.partition === partition &&
              gap.from <= sequence &&
              sequence <= gap.to,
          );
        // Which events of another node were trimmed is not known: there is a gap without an end.
        const wrong = truth.events
          .map(({ metadata }) => metadata)
          .filter((place) =>
            once.includes(idOf(place))
              ? inGap(place)
              : !inGap(place) && !(place.node !== "b" && isOpen),
          );
        expect(wrong).toEqual([]);
        expect(retain === 4000 ? gaps : []).toEqual([]);
        expect(getStream(b.cache).groups()).toEqual([]);
      },
    ),
    {
      numRuns: 25,
      interruptAfterTimeLimit: 15_000,
      // A token from before the gap of the previous one was received.
      examples: [[owed, 3, 20]],
    },
  );
});
