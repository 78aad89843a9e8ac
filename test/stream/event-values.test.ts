import { describe, expect, test } from "@jest/globals";
import { whenIdle } from "../../src/index.js";
import { Listener } from "../helpers/actors.js";
import { type BroadcastReport, show, Tree } from "../helpers/streams.js";

describe("values", () => {
  const cases = [
    [[], {}, {}],
    [["value"], { value: 1 }, { value: 2 }],
    [["previous"], {}, { previous: 1 }],
    [["value", "previous"], { value: 1 }, { value: 2, previous: 1 }],
  ] as const;

  test.each(cases)(
    "are with an event only where they are included: %p",
    async (include, inserted, updated) => {
      await using tree = await Tree.start({ stream: { include } });
      const notes = tree.readAll();
      const one = (): object[] =>
        notes.events.splice(0).map((event) => {
          const { value, previous, values, previousValues } = event;
          return Object.fromEntries(
            Object.entries({ value, previous, values, previousValues }).filter(
              ([name]) => name in event,
            ),
          );
        });
      tree.users.put("a", 1);
      tree.users.put("a", 2);
      tree.users.delete("a");
      await whenIdle(tree.users);
      const went = (include as readonly string[]).includes("previous") ? { previous: 2 } : {};
      expect(one()).toEqual([inserted, updated, went]);
    },
  );

  test.each(["value", "previous"] as const)(
    "of a split event are each part's own: %s",
    async (what) => {
      await using tree = await Tree.start({
        stream: {
          include: [what],
          partitions: 2,
          hash: ({ target: { key } }) => (key < "b" ? 0 : 1),
        },
      });
      const notes = tree.readAll();
      const put = (n: number): void =>
        tree.users.putAll([
          ["a1", n],
          ["b1", n + 1],
          ["b2", n + 2],
        ]);
      put(1);
      put(10);
      await whenIdle(tree.users);
      const name = what === "value" ? "values" : "previousValues";
      const shown = notes.events.map((event): [string, number | null, object] => [
        event.type,
        event.metadata.partition,
        Object.fromEntries(event[name] ?? []),
      ]);
      const nothing = {};
      expect(shown.toSorted((a, b) => `${a[0]} ${a[1]}`.localeCompare(`${b[0]} ${b[1]}`))).toEqual([
        ["inserted", 0, what === "value" ? { a1: 1 } : nothing],
        ["inserted", 1, what === "value" ? { b1: 2, b2: 3 } : nothing],
        ["updated", 0, what === "value" ? { a1: 10 } : { a1: 1 }],
        ["updated", 1, what === "value" ? { b1: 11, b2: 12 } : { b1: 2, b2: 3 }],
      ]);
    },
  );
});

describe("telemetry of events", () => {
  test("publishes each with its topic", async () => {
    using reports = new Listener<BroadcastReport>("nebulex.streams.broadcast");
    await using tree = await Tree.start({ stream: { partitions: 1 } });
    tree.users.put("a", 1);
    tree.users.deleteAll();
    expect(
      reports.messages.map(({ topic, status, event }) => [topic, status, show(event as never)]),
    ).toEqual([
      ["users:0:inserted", "ok", "inserted a"],
      ["users:0:deleted", "ok", "deleted *"],
    ]);
    expect(reports.messages[0]).toMatchObject({ reason: null, pubsub: null });
  });
});
