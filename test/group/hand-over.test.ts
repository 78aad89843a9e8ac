import { describe, expect, test } from "@jest/globals";
import { type ActorRef, createJournal, supervisorOf } from "../../src/index.js";
import { TailAhead } from "../../src/group/tail-ahead.js";
import type { JournalEngine, StoredEntry, TailSink } from "../../src/journal/engine.js";
import type { LocalJournalHub } from "../../src/journal/journal-hub.js";
import { Gate, rest, until } from "../helpers/actors.js";
import { GroupLab, type GroupNode, range } from "./lab.js";

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

describe("a worker that is started ahead", () => {
  /** A lab in which leases are answered by `acquire`. */
  function labWith(acquire: (take: () => Promise<unknown>) => Promise<unknown>) {
    const noted: string[] = [];
    const lab: GroupLab = new GroupLab({
      pool: {
        leaseTime,
        handler: {
          init: () => void noted.push("init"),
          handle: (event) => void noted.push(String(event.metadata.position)),
        },
      },
      stream: { partitions: 1 },
      makeJournal: (nodeName) =>
        createJournal(
          (context) => {
            const engine = (lab.hub as LocalJournalHub).engine(context);
            const take = engine.acquire.bind(engine);
            engine.acquire = (...args) =>
              acquire(() => take(...args)) as ReturnType<JournalEngine["acquire"]>;
            return engine;
          },
          { nodeName },
        ),
    });
    return { lab, noted };
  }

  /** Whether the worker of the one partition is there. */
  async function hasWorker({ sup }: GroupNode): Promise<boolean> {
    const pool = (await sup.whichChildren()).find(({ id }) => id === "mailer")?.ref as ActorRef;
    const children = await supervisorOf(pool).whichChildren();
    return children.find(({ id }) => id === "mailer:0")?.ref !== undefined;
  }

  test("is there when the lease is, and does nothing until then", async () => {
    const asked = new Gate();
    const answered = new Gate();
    const { lab, noted } = labWith(async (take) => {
      asked.open();
      await answered.promise;
      return take();
    });
    await using _ = lab;
    const a = await lab.start("a");
    a.put(1, 3);
    await asked.promise;
    await until(() => hasWorker(a));
    await rest();
    expect(noted).toEqual([]);
    answered.open();
    await until(() => noted.length === 4);
    expect(noted).toEqual(["init", "0", "1", "2"]);
  });

  test("is ended when the lease is refused, and started again when there is one", async () => {
    let isRefused = true;
    let wasThere = false;
    let waiting = 0;
    let node: GroupNode | undefined;
    const { lab, noted } = labWith(async (take) => {
      if (!isRefused) return take();
      waiting++;
      await until(async () => node !== undefined && (await hasWorker(node)));
      wasThere = true;
      waiting--;
      return undefined;
    });
    await using _ = lab;
    const a = (node = await lab.start("a"));
    await until(async () => wasThere && !(await hasWorker(a)) && waiting === 0);
    isRefused = false;
    a.put(1, 2);
    // Whoever joins has the others look again.
    await lab.start("b");
    await until(() => noted.length === 3);
    expect(noted).toEqual(["init", "0", "1"]);
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
