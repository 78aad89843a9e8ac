import { describe, expect, test } from "@jest/globals";
import { History, maxSamples, maxSeries } from "../../src/inspector-page/history.js";
import type { PartitionRow, Snapshot } from "../../src/inspector/snapshot.js";
import { FakeSource } from "../inspector/fake-source.js";

const begin = Date.UTC(2026, 6, 14, 9, 30);

function partition(id: string, events: number): PartitionRow {
  const [stream = "", number] = id.split(":");
  const of = { id, stream, partition: Number(number), events };
  return { ...of, types: null, kept: 0, capacity: null, readers: null };
}

function snapshot(seconds: number, tables: Partial<Snapshot>): Snapshot {
  const none = { tree: [], streams: [], partitions: [], groups: [], caches: [], nodes: [] };
  const rest = { about: {} as Snapshot["about"], timeline: [] };
  return { time: begin + seconds * 1000, ...none, ...rest, ...tables };
}

describe("the history of the page", () => {
  test("makes rates of counters, and sums them up", () => {
    const history = new History();
    for (const [seconds, one, two] of [
      [0, 100, 0],
      [1, 150, 0],
      [2, 350, 30],
    ] as const)
      history.sample(
        snapshot(seconds, { partitions: [partition("s:0", one), partition("s:1", two)] }),
      );
    expect(history.line("in partition s:0")?.values).toEqual([null, 50, 200]);
    expect(history.line("in stream s")?.values).toEqual([null, 50, 230]);
    expect(history.latest("in stream s")).toBe(230);
    expect(history.line("in partition s:2")).toBeUndefined();
  });

  test("takes one sample a second of four messages", () => {
    const history = new History();
    for (let message = 0; message <= 40; message++)
      history.sample(snapshot(message / 4, { partitions: [partition("s:0", message * 10)] }));
    expect(history.line("in partition s:0")?.values).toEqual([null, ...Array(10).fill(40)]);
  });

  test("a counter that is smaller than before begins anew, and a pause breaks the line", () => {
    const history = new History();
    const at = (seconds: number, events: number): void =>
      history.sample(snapshot(seconds, { partitions: [partition("s:0", events)] }));
    at(0, 1000);
    at(1, 1010);
    at(2, 5);
    at(3, 15);
    at(13, 115);
    expect(history.line("in partition s:0")?.values).toEqual([null, 10, null, 10, null, 10]);
    // A clock that was set back: what was before it is forgotten.
    at(5, 200);
    at(6, 220);
    expect(history.line("in partition s:0")?.values).toEqual([null, 20]);
  });

  test("keeps five minutes, whatever the time, and nothing of rows that are gone", () => {
    const history = new History();
    let time = begin;
    const source = new FakeSource(() => time, { children: 0 });
    const read = (): Snapshot => ({ ...snapshot(0, source.read()), time });
    for (let second = 0; second < 3600; second++) {
      time += 1000;
      source.step(1);
      history.sample(read());
    }
    const line = history.line("lag place s1:2:index");
    expect(line?.times).toHaveLength(maxSamples);
    expect(line?.values).toHaveLength(maxSamples);
    expect(line?.times.at(-1)).toBe(time / 1000);
    expect((line?.times.at(-1) ?? 0) - (line?.times[0] ?? 0)).toBe(maxSamples - 1);
    const { size } = history;
    time += 1000;
    history.sample({ ...read(), groups: [] });
    expect(history.size).toBeLessThan(size);
    time += 1000;
    history.sample({ ...read(), groups: [], partitions: [], caches: [] });
    expect(history.size).toBe(0);
  });

  test("keeps a bounded number of series", () => {
    const history = new History();
    const partitions = Array.from({ length: maxSeries + 500 }, (_, index) =>
      partition(`s:${index}`, index),
    );
    history.sample(snapshot(0, { partitions }));
    history.sample(snapshot(1, { partitions }));
    expect(history.size).toBe(maxSeries);
  });
});
