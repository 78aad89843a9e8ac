import { describe, expect, test } from "@jest/globals";
import { createJournal } from "../../src/index.js";
import { TailAhead } from "../../src/group/tail-ahead.js";
import type { JournalEngine, StoredEntry, TailSink } from "../../src/journal/engine.js";
import type { LocalJournalHub } from "../../src/journal/journal-hub.js";
import { until } from "../helpers/actors.js";
import { GroupLab, range } from "./lab.js";

/** So long that nobody looks at the group without having been told of a change. */
const leaseTime = 600_000;

/** A lab whose engines note what is asked of them: `<method> <partition>`, and `... done`. */
function notingLab(): { lab: GroupLab; calls: Map<string, string[]> } {
  const calls = new Map<string, string[]>();
  const noting = (engine: JournalEngine, noted: string[]): JournalEngine =>
    new Proxy(engine, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        return (...args: unknown[]): unknown => {
          const { partition } = (args[0] ?? {}) as { partition?: number };
          const call = `${String(name)} ${partition}`;
          noted.push(call);
          const result: unknown = Reflect.apply(member, target, args);
          if (result instanceof Promise)
            result.then(
              () => noted.push(`${call} done`),
              () => {},
            );
          return result;
        };
      },
    });
  const lab: GroupLab = new GroupLab({
    pool: { leaseTime },
    makeJournal: (nodeName) => {
      const noted: string[] = [];
      calls.set(nodeName, noted);
      const { hub } = lab;
      return createJournal((context) => noting((hub as LocalJournalHub).engine(context), noted), {
        nodeName,
      });
    },
  });
  return { lab, calls };
}

describe("a hand-over", () => {
  test("asks for each lease, and for nothing else: the heir reads ahead", async () => {
    const { lab, calls } = notingLab();
    await using _ = lab;
    const a = await lab.start("a");
    const b = await lab.start("b");
    await until(async () => (await lab.ownedBy())["b"] === 2);
    a.put(1, 20);
    await until(() => lab.handled.length === 20);
    const noted = calls.get("b") as string[];
    noted.length = 0;
    b.put(21, 40);
    await a.stop();
    await until(async () => (await lab.ownedBy())["b"] === 4);
    await until(() => lab.handled.length === 40);

    const asked = noted.filter((call) => /^(acquire|bounds|tail|joinGroup|viewGroup) /.test(call));
    const taken = asked.filter((call) => /^acquire \d$/.test(call)).map((call) => call.at(-1));
    expect(taken).toHaveLength(2);
    expect(asked).toHaveLength(6);
    for (const partition of taken) {
      expect(asked).toContain(`tail ${partition}`);
      expect(asked.indexOf(`tail ${partition}`)).toBeLessThan(
        asked.indexOf(`acquire ${partition} done`),
      );
    }
    expect(new Set(lab.keysOf())).toEqual(new Set(range(1, 40)));
  });

  test("is dealt before it is free: no member takes what another one is dealt", async () => {
    const { lab, calls } = notingLab();
    await using _ = lab;
    const [a] = [await lab.start("a"), await lab.start("b"), await lab.start("c")];
    await until(async () => Object.keys(await lab.ownedBy()).length === 3);
    for (const noted of calls.values()) noted.length = 0;
    await a.stop();
    await until(async () => {
      const { b, c } = await lab.ownedBy();
      return b === 2 && c === 2;
    });
    const acquired = ["b", "c"].map((node) =>
      (calls.get(node) as string[]).filter((call) => /^acquire \d$/.test(call)),
    );
    const all = acquired.flat();
    expect(new Set(all).size).toBe(all.length);
  });
});

describe("a tail that is opened ahead", () => {
  const entry = (position: number): StoredEntry => {
    return { position, count: 1, time: 0, payload: new Uint8Array() };
  };
  const place = { generation: "g", position: 3 };

  function opened() {
    let sink: TailSink | undefined;
    let isClosed = false;
    const engine = {
      tail: (_partition: unknown, from: number, given: TailSink) => {
        expect(from).toBe(3);
        sink = given;
        return { close: () => (isClosed = true) };
      },
    } as unknown as JournalEngine;
    const partition = { cache: "c", name: "n", partition: 0 };
    const ahead = new TailAhead(engine, partition, place);
    return { ahead, engine, sink: sink as unknown as TailSink, isClosed: () => isClosed };
  }

  test("holds the first entries until it has a sink, which holds it up then", async () => {
    const { ahead, sink, isClosed } = opened();
    let isSettled = false;
    const held = Promise.resolve(sink.entries([entry(3)])).then(() => (isSettled = true));
    const delivered: number[] = [];
    let goOn = (): void => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    ahead.give({
      entries: (entries) => {
        delivered.push(...entries.map(({ position }) => position));
        return waiting;
      },
    });
    expect(delivered).toEqual([3]);
    await Promise.resolve();
    expect(isSettled).toBe(false);
    goOn();
    await held;
    await sink.entries([entry(4)]);
    expect(delivered).toEqual([3, 4]);
    expect(isClosed()).toBe(false);
    ahead.close();
    expect(isClosed()).toBe(true);
  });

  test("passes on that it went astray before it had a sink", () => {
    const { ahead, sink } = opened();
    sink.astray?.();
    let times = 0;
    ahead.give({ entries: () => {}, astray: () => times++ });
    expect(times).toBe(1);
  });

  test("covers what is read of that generation from its position on, over that engine", () => {
    const { ahead, engine } = opened();
    expect(ahead.covers(engine, place)).toBe(true);
    expect(ahead.covers(engine, { ...place, position: 9 })).toBe(true);
    expect(ahead.covers(engine, { ...place, position: 2 })).toBe(false);
    expect(ahead.covers(engine, { ...place, generation: "h" })).toBe(false);
    expect(ahead.covers({ ...engine }, place)).toBe(false);
  });
});
