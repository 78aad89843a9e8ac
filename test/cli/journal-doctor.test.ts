import { describe, expect, test } from "@jest/globals";
import { parseCommand } from "../../src/cli/arguments.js";
import type { Findings } from "../../src/cli/cluster-watch.js";
import { journalStream } from "../../src/cli/journal.js";
import { diagnoseJournal } from "../../src/cli/journal-diagnosis.js";
import { type JournalFindings, JournalWatch } from "../../src/cli/journal-watch.js";
import { reportJson, reportText } from "../../src/cli/report.js";
import { wallClockNow } from "../../src/timers.js";
import { LocalFixture } from "./journal-fixture.js";

const users = { cache: "users", name: "users", namespace: "nebulex" };

async function watchOf({ connection }: LocalFixture): Promise<JournalWatch> {
  const watch = new JournalWatch(await journalStream(connection.engine, users));
  await watch.look();
  return watch;
}

function problemsOf(findings: JournalFindings, pubsub: Findings | null = null) {
  return diagnoseJournal({ kind: "seen", findings }, pubsub).map(
    ({ kind, message }) => `${kind}: ${message}`,
  );
}

/** A group of which each partition has an owner that lives. */
async function healthy(): Promise<LocalFixture> {
  const fixture = await LocalFixture.start();
  const { writer } = fixture;
  await writer.declare();
  await writer.beat("a");
  await writer.events(0, ["x", "y"]);
  await writer.own(0, "a", 1);
  await writer.own(1, "a", 0);
  return fixture;
}

describe("what is wrong with a journal", () => {
  test("is nothing where each partition has an owner that lives", async () => {
    await using fixture = await healthy();
    const watch = await watchOf(fixture);
    await watch.look();
    expect(problemsOf(await watch.findings())).toEqual([]);
  });

  test("nobody has partitions, and the backlog grows; paused ones wait on purpose", async () => {
    await using fixture = await healthy();
    const { writer } = fixture;
    await writer.own(0, "a", 1, { group: "audit", leaseTime: 0 });
    const watch = await watchOf(fixture);
    expect(problemsOf(await watch.findings())).toEqual([
      "unowned: Nobody has partition 0 of group audit, and 1 event waits.",
    ]);
    const began = wallClockNow();
    await writer.events(0, ["z"], { began });
    await writer.events(1, ["z"], { began });
    await watch.look();
    expect(problemsOf(await watch.findings())).toEqual([
      "unowned: Nobody has partitions 0, 1 of group audit, and the backlog grows: 1 events waited at first, 3 now.",
    ]);
    for (const partition of [0, 1])
      await writer.engine.setPaused(
        { cache: "users", name: "users", group: "audit", partition },
        true,
      );
    await watch.look();
    expect(problemsOf(await watch.findings())).toEqual([]);
  });

  test("an owner that is not among the nodes, a node that is silent", async () => {
    await using fixture = await healthy();
    await fixture.writer.own(0, "gone", 0, { group: "audit" });
    await fixture.writer.beat("b", -1);
    const watch = await watchOf(fixture);
    expect(problemsOf(await watch.findings())).toEqual([
      "silent: Node b does not announce itself any more, and did not say that it ends.",
      "owner: Node gone has partition 0 of group audit, and is not among the nodes of the stream that live.",
    ]);
  });

  test("a partition that changes hands again and again", async () => {
    await using fixture = await healthy();
    const watch = await watchOf(fixture);
    for (let n = 0; n < 3; n++) {
      await fixture.writer.own(0, "a", 0, { group: "audit", leaseTime: 0 });
      await watch.look();
    }
    await fixture.writer.own(0, "a", 2, { group: "audit" });
    await watch.look();
    expect(problemsOf(await watch.findings())).toEqual([
      "flapping: The owner of partition 0 of group audit changes again and again: 3 times meanwhile.",
    ]);
  });

  test("a journal that was lost", async () => {
    await using fixture = await healthy();
    const watch = await watchOf(fixture);
    fixture.hub.flush();
    await fixture.writer.declare();
    await watch.look();
    expect(problemsOf(await watch.findings())).toEqual([
      "journal_lost: The journal of partitions 0, 1 was lost meanwhile, and has begun a new generation.",
    ]);
  });

  test("clocks that are ahead at once, and clocks that are behind after some events", async () => {
    await using fixture = await healthy();
    const { writer } = fixture;
    const watch = await watchOf(fixture);
    const now = wallClockNow();
    for (let n = 0; n < 3; n++) {
      await writer.events(1, ["k"], { node: "late", began: now, at: -5000 });
      await watch.look();
      await writer.events(0, ["k"], { node: "early", began: now, at: 8000 });
      await watch.look();
    }
    await writer.events(0, ["k"], { node: "once", began: now, at: -5000 });
    await watch.look();
    const problems = problemsOf(await watch.findings());
    expect(problems).toEqual([
      expect.stringMatching(
        /^clocks: The clock of node late is about \d{4} ms behind the engine's/,
      ),
      expect.stringMatching(
        /^clocks: The clock of node early is about \d{4} ms ahead of the engine/,
      ),
    ]);
  });

  test("an engine that endangers it, nodes with a pubsub, a group of fewer partitions", async () => {
    await using fixture = await healthy();
    const watch = await watchOf(fixture);
    const findings = await watch.findings();
    const [group] = findings.groups;
    const pubsub = { nodes: [{ node: "p", shape: findings.shape }] } as unknown as Findings;
    const changed = {
      ...findings,
      health: ["it persists nothing"],
      groups: [{ ...group, partitions: [] }] as unknown as JournalFindings["groups"],
    };
    const shape = "2 partitions, hash defaultHash, version 1";
    expect(problemsOf(changed, pubsub)).toEqual([
      "engine: The engine endangers the journal: it persists nothing.",
      `shapes: Nodes don't exchange events: a have a journal (${shape}), p a pubsub (${shape}).`,
      "shapes: Group mailer is kept for 0 of the stream's 2 partitions.",
    ]);
    expect(diagnoseJournal({ kind: "unreadable", why: "no" }, null)).toMatchObject([
      { kind: "shapes", message: "no." },
    ]);
    for (const look of [{ kind: "none" }, { kind: "failed", why: "no" }] as const)
      expect(diagnoseJournal(look, null)).toEqual([]);
  });
});

test("the report has the journal's nodes and groups", async () => {
  await using fixture = await healthy();
  const findings = await (await watchOf(fixture)).findings();
  const argv = ["doctor", "--redis", "redis://h", "--cache", "users"];
  const { options } = parseCommand(argv) as Extract<
    ReturnType<typeof parseCommand>,
    { kind: "doctor" }
  >;
  const report = {
    options,
    watched: 10,
    findings: null,
    journal: { kind: "seen", findings } as const,
    problems: [],
  };
  const text = reportText(report);
  expect(text).toMatch(/^broker {3}redis:\/\/h, connected$/m);
  expect(text).toMatch(/^journal {2}local, 2 partitions, hash defaultHash, version 1$/m);
  expect(text).toMatch(/^a +e1 +2030-01-01T00:00:00.000Z {2}lives$/m);
  expect(text).toMatch(/^group {3}mailer: a; 1 event waits$/m);
  expect(JSON.parse(reportJson(report))).toMatchObject({
    healthy: true,
    journal: { engine: "local", nodes: [{ node: "a", silent: false }], groups: [{}] },
  });
  const failed = { ...report, journal: { kind: "failed", why: "can't" } as const };
  expect(reportText(failed)).toMatch(/^journal {2}not looked at: can't$/m);
});
