import { describe, expect, test } from "@jest/globals";
import { act } from "../../src/cli/act.js";
import { parseCommand } from "../../src/cli/arguments.js";
import { listDead } from "../../src/cli/dead.js";
import type { GroupCommand } from "../../src/cli/group-arguments.js";
import { ageText, listStreams, showGroups } from "../../src/cli/groups.js";
import { NotFound } from "../../src/cli/journal.js";
import { UsageError } from "../../src/cli/usage.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import { LocalFixture, TestOutput } from "./journal-fixture.js";

/** Runs a command over a journal in this process; returns what decides the exit status. */
async function run(fixture: LocalFixture, output: TestOutput, line: string): Promise<string> {
  const words = line.split(" ");
  const command = parseCommand([...words, "--redis", "redis://h"]) as GroupCommand;
  const { connection } = fixture;
  switch (command.kind) {
    case "streams":
      await listStreams(command.options, connection, output);
      return "done";
    case "groups":
      await showGroups(command.options, connection, output);
      return "done";
    case "dead":
      await listDead(command.options, connection, output);
      return "done";
    case "act":
      return act(command.options, connection, output);
  }
}

async function printed(fixture: LocalFixture, line: string): Promise<string> {
  const output = new TestOutput();
  await run(fixture, output, line);
  return output.out;
}

/** A group that is 3 events behind in partition 0, and that nobody has in partition 1. */
async function seeded(): Promise<LocalFixture> {
  const fixture = await LocalFixture.start();
  const { writer } = fixture;
  await writer.declare();
  await writer.beat("a");
  await writer.events(0, ["k0", "k1", "k2", "k3", "k4"]);
  await writer.own(0, "a", 2, { dead: ["k0", "k1"] });
  return fixture;
}

const mailer = "--cache users --group mailer";

describe("groups", () => {
  test("without --cache, lists the streams that have a journal", async () => {
    await using fixture = await seeded();
    expect(await printed(fixture, "groups")).toBe(
      [
        "cache  instance  shape                                   nodes  groups",
        "users  users     2 partitions, hash defaultHash, version 1  a      mailer",
        "",
      ]
        .join("\n")
        .replace("shape  ", "shape     "),
    );
    expect(JSON.parse(await printed(fixture, "groups --json"))).toEqual({
      namespace: "nebulex",
      streams: [
        {
          cache: "users",
          name: "users",
          shape: { partitions: 2, hash: "defaultHash", version: 1 },
          nodes: ["a"],
          groups: ["mailer"],
        },
      ],
    });
  });

  test("says that there are no streams, no groups, no such group", async () => {
    await using fixture = await LocalFixture.start();
    const output = new TestOutput();
    await expect(run(fixture, output, "groups")).rejects.toThrow(
      "no stream has a journal in namespace nebulex",
    );
    const none = await failure(run(fixture, output, "groups --cache users"));
    expect(none).toBeInstanceOf(NotFound);
    expect((none as Error).message).toBe(
      "there is no journal of the stream of cache users in namespace nebulex",
    );
    await fixture.writer.declare();
    expect(await printed(fixture, "groups --cache users")).toContain("groups  none");
    for (const line of [`groups ${mailer}`, `dead ${mailer}`, `pause ${mailer} --yes`])
      await expect(run(fixture, output, line)).rejects.toThrow(
        "there is no cluster group mailer on stream users",
      );
    await expect(run(fixture, output, "groups --cache users --partition 2")).rejects.toThrow(
      "there is no partition 2 of stream users, which has partitions 0 to 1",
    );
  });

  test("shows who has each partition, how far it is, and what waits", async () => {
    await using fixture = await seeded();
    await fixture.writer.events(1, ["x"]);
    const lines = (await printed(fixture, "groups --cache users")).split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "stream  cache users, namespace nebulex",
      "",
      "group   mailer: a; 4 events wait",
      "partition  owner   fence  position  lag  oldest  paused  dead letters",
    ]);
    expect(lines[4]).toMatch(/^0          a       \d+ +2         3    \d+\.\d s +-       2$/);
    expect(lines[5]).toMatch(/^1          nobody  0 +0         1    \d+\.\d s +-       0$/);
    const only = JSON.parse(await printed(fixture, `groups ${mailer} --partition 1 --json`));
    expect(only).toMatchObject({
      cache: "users",
      groups: [{ group: "mailer", members: ["a"], partitions: [{ partition: 1, owner: null }] }],
    });
  });

  test("on a terminal, the table is replaced until the user interrupts", async () => {
    await using fixture = await seeded();
    const output = new TestOutput(undefined, { columns: 40, rows: 40 });
    const shown = run(fixture, output, "groups --cache users");
    await waitFor(() => output.out.includes("a; 3 events wait"));
    await fixture.writer.events(0, ["k5"]);
    await waitFor(() => output.out.includes("a; 4 events wait"));
    output.interrupt();
    await shown;
    const height = 6;
    expect(output.out).toContain(`\u001b[${height}F\u001b[J`);
    for (const line of output.out.replaceAll(`\u001b[${height}F\u001b[J`, "").split("\n"))
      expect(line.length).toBeLessThanOrEqual(40);
  });

  test("a table that is higher than the screen is cut; outages are shown", async () => {
    await using fixture = await seeded();
    const output = new TestOutput(undefined, { columns: 100, rows: 5 });
    const shown = run(fixture, output, "groups --cache users");
    await waitFor(() => output.out !== "");
    expect(output.out.trimEnd().split("\n")).toHaveLength(4);
    expect(output.out).toContain("... 3 more lines (--once has all)\n");
    output.interrupt();
    await shown;
    const wide = new TestOutput(undefined, { columns: 100, rows: 50 });
    const table = run(fixture, wide, "groups --cache users");
    await waitFor(() => wide.out !== "");
    fixture.hub.disconnect("observer");
    await waitFor(() => wide.out.includes("no answer, trying again"));
    fixture.hub.connect("observer");
    wide.interrupt();
    await table;
  });

  test("ages are short", () => {
    expect([0, 99_900, 5_999_000, 359_000_000, 900_000_000].map(ageText)).toEqual([
      "0.0 s",
      "99.9 s",
      "99 min",
      "99 h",
      "10 d",
    ]);
  });
});

describe("hostile names and contents", () => {
  test("are shown escaped", async () => {
    await using fixture = await seeded();
    const group = "\u001b[2Jevil\u009b";
    await fixture.writer.own(1, "\u001b]0;x", 0, { group });
    for (const json of ["", " --json"]) {
      const out = await printed(fixture, `groups --cache users --once${json}`);
      expect(out).toContain("evil");
      for (const control of ["\u001b", "\u009b"]) expect(out).not.toContain(control);
      const letters = await printed(fixture, `dead ${mailer}${json}`);
      expect(letters).toContain("mail");
      expect(letters).not.toContain("\u001b");
    }
  });

  test("a dead letter that can't be read is named, and the others are listed", async () => {
    await using fixture = await seeded();
    await fixture.writer.own(1, "a", 0, { dead: [Buffer.from("garbage"), "k9"] });
    const output = new TestOutput();
    await run(fixture, output, `dead ${mailer} --partition 1`);
    expect(output.err).toMatch(/^dead letter \S+ can't be read: /);
    expect(output.out.split("\n")).toHaveLength(3);
    expect(output.out).toContain("'k9'");
  });
});

describe("dead", () => {
  test("lists dead letters", async () => {
    await using fixture = await seeded();
    const lines = (await printed(fixture, `dead ${mailer}`)).split("\n");
    expect(lines[0]).toMatch(/^id +partition  position  key   error +attempts  time$/);
    expect(lines[1]).toMatch(
      /^\S+ +0          0         'k0'  TypeError: no \\u\{1b\}\[31mmail\\u\{a\}box  3         2030-01-01T00:00:00\.000Z$/,
    );
    expect(lines).toHaveLength(4);
  });

  test("--json has the whole event, --limit and --partition choose", async () => {
    await using fixture = await seeded();
    const output = new TestOutput();
    await run(fixture, output, `dead ${mailer} --json --limit 1`);
    expect(output.err).toBe("there may be more: --limit 1\n");
    expect(JSON.parse(output.out)).toEqual({
      id: expect.any(String),
      partition: 0,
      position: 0,
      error: { name: "TypeError", message: "no \u001b[31mmail\nbox" },
      attempts: 3,
      time: Date.UTC(2030, 0, 1),
      event: {
        cache: "users",
        name: "users",
        type: "inserted",
        command: "put",
        target: { kind: "key", key: "k0" },
        metadata: expect.objectContaining({ partition: 0, position: 0, sequence: 3, node: "a" }),
        value: { $bigint: "1" },
      },
    });
    const none = new TestOutput();
    await run(fixture, none, `dead ${mailer} --partition 1`);
    expect([none.out, none.err]).toEqual(["", "group mailer has no dead letters\n"]);
  });
});

describe("what acts", () => {
  async function statesOf(fixture: LocalFixture) {
    const { groups } = JSON.parse(await printed(fixture, `groups ${mailer} --json`)) as {
      groups: [{ partitions: Record<string, unknown>[] }];
    };
    return groups[0].partitions;
  }

  test("says what it will do, and does it once the answer is yes", async () => {
    await using fixture = await seeded();
    const no = new TestOutput("n");
    expect(await run(fixture, no, `pause ${mailer}`)).toBe("declined");
    expect(no.questions).toEqual(["pause 2 partitions of group mailer? [y/N] "]);
    expect([no.out, no.err.split("\n").at(-2)]).toEqual(["", "nothing was done"]);
    expect(await statesOf(fixture)).toMatchObject([{ paused: false }, { paused: false }]);
    const yes = new TestOutput("Yes");
    expect(await run(fixture, yes, `pause ${mailer}`)).toBe("done");
    expect(yes.err).toBe(
      [
        "pause group mailer of stream users: nothing more is handled until it is resumed; what is in hand is finished",
        "  partition 0: is not paused, owner a, position 2, 3 events behind",
        "  partition 1: is not paused, owner nobody, position 0, 0 events behind",
        "",
      ].join("\n"),
    );
    expect(yes.out).toBe("paused 2 partitions of group mailer: 0, 1\n");
    expect(await statesOf(fixture)).toMatchObject([{ paused: true }, { paused: true }]);
    const one = new TestOutput();
    expect(await run(fixture, one, `resume ${mailer} --partition 1 --yes --json`)).toBe("done");
    expect(JSON.parse(one.out)).toEqual({
      cache: "users",
      name: "users",
      group: "mailer",
      action: "resume",
      partitions: [1],
    });
    expect(await statesOf(fixture)).toMatchObject([{ paused: true }, { paused: false }]);
  });

  test("does nothing where nobody can be asked", async () => {
    await using fixture = await seeded();
    for (const line of ["pause", "resume", "seek --to latest", "retry --all", "drop --all"]) {
      const output = new TestOutput();
      const error = await failure(run(fixture, output, `${line} ${mailer}`));
      expect(error).toBeInstanceOf(UsageError);
      expect((error as Error).message).toBe(
        "there is no terminal to ask on: expected --yes, got none",
      );
      expect(output.out).toBe("");
    }
    expect(await statesOf(fixture)).toMatchObject([
      { position: 2, paused: false, deadLetters: 2 },
      { position: 0 },
    ]);
  });

  test("seek says from where to where, and what that means", async () => {
    await using fixture = await seeded();
    const back = new TestOutput("y");
    await run(fixture, back, `seek --to earliest ${mailer}`);
    expect(back.err.split("\n").slice(1, 3)).toEqual([
      "  partition 0: from position 2 to 0 (earliest), 2 events handled again",
      "  partition 1: from position 0 to 0 (earliest), where it is",
    ]);
    expect(back.out).toBe(
      "moved partition 0 of group mailer from position 2 to 0\nmoved partition 1 of group mailer from position 0 to 0\n",
    );
    const beyond = new TestOutput();
    await run(fixture, beyond, `seek --to 99 --partition 0 ${mailer} --yes`);
    expect(beyond.err).toContain(
      "partition 0: from position 0 to 5 (99), 5 events not handled any more",
    );
    expect(await statesOf(fixture)).toMatchObject([{ position: 5, lag: 0 }, { position: 0 }]);
    await expect(run(fixture, beyond, `seek --to 1 ${mailer} --yes`)).rejects.toThrow(
      "option --partition: expected a partition, as a position belongs to one of the 2, got none",
    );
  });

  test("retry and drop take ids, or all", async () => {
    await using fixture = await seeded();
    const listed = (await printed(fixture, `dead ${mailer} --json`)).trim().split("\n");
    const [first] = listed.map((line) => (JSON.parse(line) as { id: string }).id);
    const output = new TestOutput("y");
    expect(await run(fixture, output, `retry ${first} nowhere ${mailer}`)).toBe("partial");
    expect(output.questions).toEqual(["have handled again 2 dead letters? [y/N] "]);
    expect(output.err).toContain(`  ${first}`);
    expect(output.err).toContain("nowhere  not among the first 10000 that can be read");
    expect(output.out).toBe(
      "1 dead letter of group mailer will be handled again\n1 id not found among its dead letters\n",
    );
    const all = new TestOutput();
    expect(await run(fixture, all, `drop --all ${mailer} --yes`)).toBe("done");
    expect(all.err).toBe(
      "remove all 1 dead letter of group mailer of stream users:\n  partition 0: 1 dead letter\n",
    );
    expect(all.out).toBe("1 dead letter of group mailer removed\n");
    expect(await statesOf(fixture)).toMatchObject([{ deadLetters: 0 }, { deadLetters: 0 }]);
  });
});
