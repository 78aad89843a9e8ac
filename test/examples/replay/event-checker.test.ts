import { describe, expect, test } from "@jest/globals";
import fc from "../../helpers/fast-check.js";
import { EventChecker } from "../../../examples/replay/check/event-checker.js";
import type { CheckedEvent } from "../../../examples/replay/check/link.js";
import { eventsOf } from "./events.js";
import type { Step } from "./events.js";

const PARTITIONS = 3;

/** What the checker finds when it is given these events out of all that there were. */
function check(given: readonly CheckedEvent[], emitted: number) {
  const checker = new EventChecker(PARTITIONS);
  for (const event of given) checker.handle(event);
  const { lost, outOfOrder, handled } = checker.report(emitted);
  return { lost, outOfOrder, handled };
}

/** Two keys in one partition, one in another, and every kind of event. */
const STEPS: readonly Step[] = [
  ["a", "put"],
  ["b", "put"],
  ["a", "put"],
  ["c", "put"],
  ["a", "evicted"],
  ["b", "deleted"],
  ["a", "put"],
  ["b", "put"],
  ["a", "put"],
  ["a", "expired"],
  ["b", "put"],
  ["c", "put"],
  ["a", "put"],
];
const partitionOf = (key: string) => (key === "c" ? 2 : 0);
const events = eventsOf(STEPS, partitionOf);
const each = events.map((event, index) => [index, event.type] as const);

describe("all events in order", () => {
  test("are found complete", () => {
    expect(check(events, events.length)).toEqual({ lost: 0, outOfOrder: 0, handled: 13 });
  });

  test("are counted by type and by partition", () => {
    const checker = new EventChecker(PARTITIONS);
    for (const event of events) checker.handle(event);
    expect(checker.report(events.length)).toMatchObject({
      events: { inserted: 6, updated: 4, deleted: 1, expired: 1, evicted: 1 },
      partitions: [11, 0, 2],
    });
  });

  test("of different partitions may come one before the other", () => {
    const [first, second] = [0, 2].map((partition) =>
      events.filter(({ metadata }) => metadata.partition === partition),
    );
    const reordered = [...(second ?? []), ...(first ?? [])];
    expect(check(reordered, events.length)).toEqual({ lost: 0, outOfOrder: 0, handled: 13 });
  });
});

describe("one event too few", () => {
  test.each(each)("is lost: number %i, %s", (index) => {
    const given = events.toSpliced(index, 1);
    expect(check(given, events.length)).toEqual({ lost: 1, outOfOrder: 0, handled: 12 });
  });

  test.each(each)("is lost even if the sequence numbers hide it: number %i, %s", (index) => {
    const given = renumbered(events.toSpliced(index, 1));
    expect(check(given, events.length)).toEqual({ lost: 1, outOfOrder: 0, handled: 12 });
  });

  // Behind these first ten there are more of the same key, and of the same partition.
  const followed = each.slice(0, 10);

  test.each(followed)("is lost even if the cache does not count it: number %i, %s", (index) => {
    const given = events.toSpliced(index, 1);
    expect(check(given, given.length)).toEqual({ lost: 1, outOfOrder: 0, handled: 12 });
  });

  test.each(followed)("is lost even if only its key shows it: number %i, %s", (index) => {
    const given = renumbered(events.toSpliced(index, 1));
    expect(check(given, given.length)).toEqual({ lost: 1, outOfOrder: 0, handled: 12 });
  });

  test("is lost even if only its partition's sequence shows it", () => {
    const lastOfItsKey = 10;
    const given = events.toSpliced(lastOfItsKey, 1);
    expect(check(given, given.length)).toEqual({ lost: 1, outOfOrder: 0, handled: 12 });
  });
});

test("several events too few in a row are each lost, even if only their key shows it", () => {
  const steps = ["put", "put", "put", "deleted", "put", "put"] as const;
  const ofOneKey = eventsOf(
    steps.map((what) => ["a", what]),
    partitionOf,
  );
  const given = renumbered(ofOneKey.toSpliced(1, 3));
  expect(check(given, given.length)).toEqual({ lost: 3, outOfOrder: 0, handled: 3 });
});

describe("one event twice", () => {
  test.each(each)("is out of order: number %i, %s", (index) => {
    const given = events.toSpliced(index, 0, ...events.slice(index, index + 1));
    expect(check(given, events.length)).toEqual({ lost: 0, outOfOrder: 1, handled: 14 });
  });

  test.each(each)("does not make up for a lost one: number %i, %s", (index) => {
    const given = [...events.slice(0, -1), ...events.slice(index, index + 1)];
    if (index === events.length - 1) return;
    expect(check(given, events.length)).toEqual({ lost: 1, outOfOrder: 1, handled: 13 });
  });

  test.each(each)("is out of order whatever its sequence number: number %i, %s", (index) => {
    const given = renumbered(events.toSpliced(index, 0, ...events.slice(index, index + 1)));
    expect(check(given, events.length)).toMatchObject({ outOfOrder: 1, handled: 14 });
  });
});

describe("two events of one key that changed places", () => {
  const ofA = eventsOf(
    STEPS.filter(([key]) => key === "a"),
    partitionOf,
  );

  test.each(ofA.slice(1).map((event, index) => [index, event.type] as const))(
    "are found, and nothing is lost: number %i and the %s behind it",
    (index) => {
      const pair = ofA.slice(index, index + 2).toReversed();
      const swapped = ofA.toSpliced(index, 2, ...pair);
      expect(check(swapped, ofA.length)).toEqual({ lost: 0, outOfOrder: 1, handled: ofA.length });
      expect(check(renumbered(swapped), ofA.length).outOfOrder).toBeGreaterThan(0);
    },
  );
});

describe("an event that can't be right", () => {
  test("because its key was in another partition before is out of order", () => {
    const [first, second] = eventsOf(
      [
        ["a", "put"],
        ["a", "put"],
      ],
      partitionOf,
    );
    const moved = { ...second, metadata: { partition: 1, sequence: 0 } } as CheckedEvent;
    expect(check([first as CheckedEvent, moved], 2)).toMatchObject({ lost: 0, outOfOrder: 1 });
  });

  test("because it updates what was removed is out of order", () => {
    const given = eventsOf(
      [
        ["a", "put"],
        ["a", "evicted"],
        ["a", "put"],
      ],
      partitionOf,
    );
    const wrong = { ...given[2], type: "updated", previous: 1 } as CheckedEvent;
    expect(check([...given.slice(0, 2), wrong], 3)).toMatchObject({ lost: 0, outOfOrder: 1 });
  });

  test.each<[string, Partial<CheckedEvent>]>([
    ["the value of an event of type inserted is no version", { value: undefined as never }],
    ["there is no partition 3", { metadata: { partition: 3, sequence: 0 } }],
    ["there is no partition -1", { metadata: { partition: null, sequence: 0 } }],
    [
      "expected an event about one key, got one with the target query",
      { target: { kind: "query", query: null } },
    ],
  ])("and can't be checked is an error: %s", (message, change) => {
    const [event] = eventsOf([["a", "put"]], partitionOf);
    const checker = new EventChecker(PARTITIONS);
    expect(() => checker.handle({ ...event, ...change } as CheckedEvent)).toThrow(
      new TypeError(message),
    );
    expect(checker.handled).toBe(0);
  });
});

describe("any history", () => {
  const key = fc.constantFrom("a", "b", "c", "d");
  const action = fc.constantFrom("put", "put", "put", "deleted", "expired", "evicted");
  const history = fc
    .array(fc.tuple(key, action), { minLength: 1, maxLength: 80 })
    .map((steps) => eventsOf(steps as Step[], (name) => name.charCodeAt(0) % PARTITIONS))
    .filter((made) => made.length > 0);

  test("is complete and in order as it is", () => {
    fc.assert(
      fc.property(history, (made) => {
        expect(check(made, made.length)).toMatchObject({ lost: 0, outOfOrder: 0 });
      }),
    );
  });

  test("shows each event that was taken out of it, and no other", () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.boolean()), (made, stream) => {
        const given = made.filter(() => stream.next().value === true);
        const expected = { lost: made.length - given.length, outOfOrder: 0 };
        expect(check(given, made.length)).toMatchObject(expected);
      }),
    );
  });

  test("shows that it was shuffled, and that nothing is lost", () => {
    const shuffled = history.chain((made) =>
      fc.shuffledSubarray(made, { minLength: made.length }).map((given) => ({ made, given })),
    );
    fc.assert(
      fc.property(shuffled, ({ made, given }) => {
        const { lost, outOfOrder } = check(given, made.length);
        expect({ lost, disorder: outOfOrder > 0 }).toEqual({
          lost: 0,
          disorder: hasDisorder(given),
        });
      }),
    );
  });
});

/** Whether an event comes behind one of its partition with a higher sequence number. */
function hasDisorder(given: readonly CheckedEvent[]): boolean {
  const last = new Map<number | null, number>();
  return given.some(({ metadata: { partition, sequence } }) => {
    const before = last.get(partition) ?? -1;
    last.set(partition, Math.max(before, sequence));
    return sequence < before;
  });
}

/** The same events as if each partition's log had numbered them in this order. */
function renumbered(given: readonly CheckedEvent[]): CheckedEvent[] {
  const next = new Map<number | null, number>();
  return given.map((event) => {
    const { partition } = event.metadata;
    const sequence = next.get(partition) ?? 0;
    next.set(partition, sequence + 1);
    return { ...event, metadata: { partition, sequence } };
  });
}
