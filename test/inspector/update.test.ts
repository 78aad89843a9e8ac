import { describe, expect, test } from "@jest/globals";
import { maxTimeline, type Snapshot } from "../../src/inspector/snapshot.js";
import { Timeline } from "../../src/inspector/timeline.js";
import { applyUpdate, ChangeDetector, type Update } from "../../src/inspector/update.js";
import { FakeSource } from "./fake-source.js";

function entry(text: string) {
  return { kind: "exit", level: "warn", text, subject: "", details: [], error: null } as const;
}

describe("updates", () => {
  test("bring a page to what there is, whatever has changed", () => {
    let now = 0;
    const source = new FakeSource(() => now, { children: 20 });
    const changes = new ChangeDetector();
    changes.changes(source.read());
    const first = { time: 0, about: {}, timeline: [] };
    let page = JSON.parse(
      `{${changes.all},${JSON.stringify(first).slice(1, -1)}}`,
    ) as unknown as Snapshot;
    expect(page).toMatchObject(source.read());
    for (let step = 0; step < 40; step++) {
      now += 250;
      source.step(0.25);
      const { lastId } =
        page.timeline.at(-1) === undefined ? { lastId: 0 } : { lastId: page.timeline.length };
      const members = changes.changes(source.read());
      const update = JSON.parse(
        `{"time":${now},"timeline":${JSON.stringify(source.timeline.since(lastId))}${members === "" ? "" : `,${members}`}}`,
      ) as Update;
      page = applyUpdate(page, update);
      expect(page).toMatchObject(source.read());
    }
    expect(page.timeline).toEqual(source.timeline.since(0));
  });

  test("say nothing of rows that are the same, and name rows that are gone", () => {
    const changes = new ChangeDetector();
    const source = new FakeSource(() => 0, { children: 2 });
    const tables = source.read();
    changes.changes(tables);
    expect(changes.changes(source.read())).toBe("");
    const fewer = { ...tables, caches: tables.caches.slice(1) };
    expect(changes.changes(fewer)).toBe(`"caches":{"gone":["c1"]}`);
  });
});

describe("the timeline", () => {
  test("keeps the newest, with ids that grow by one", () => {
    let now = 0;
    const timeline = new Timeline(() => now);
    for (let count = 0; count < maxTimeline + 50; count++) {
      now += 20;
      timeline.add(() => entry(`exit ${count}`));
    }
    const kept = timeline.since(0);
    expect(kept).toHaveLength(maxTimeline);
    expect(kept.map(({ id }) => id)).toEqual(kept.map((_, index) => 51 + index));
    expect(timeline.since(timeline.lastId - 2).map(({ text }) => text)).toEqual([
      `exit ${maxTimeline + 48}`,
      `exit ${maxTimeline + 49}`,
    ]);
  });

  test("counts what comes in a storm", () => {
    let now = 0;
    let made = 0;
    const timeline = new Timeline(() => now);
    for (let count = 0; count < 5000; count++)
      timeline.add(() => {
        made++;
        return entry("exit");
      });
    expect(made).toBe(100);
    expect(timeline.since(0)).toHaveLength(100);
    now = 1000;
    expect(timeline.since(100)).toEqual([
      expect.objectContaining({ id: 101, text: "4900 more within a second, not shown one by one" }),
    ]);
  });
});
