import { describe, expect, test } from "@jest/globals";
import { parseCommand } from "../../src/cli/arguments.js";
import { type JournalTailOptions, tailJournal } from "../../src/cli/journal-tail.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { LocalFixture, TestOutput } from "./journal-fixture.js";

/** `tail --journal` while it runs. To be disposed. */
class Tail implements AsyncDisposable {
  readonly output = new TestOutput();
  readonly done: Promise<void>;

  constructor({ connection }: LocalFixture, line: string) {
    const argv = ["tail", "--journal", "--redis", "redis://h", "--cache", "users"];
    const command = parseCommand([...argv, ...line.split(" ").filter(Boolean)]);
    const { options } = command as unknown as { options: JournalTailOptions };
    this.done = tailJournal(options, connection, this.output);
    this.done.catch(() => {});
  }

  get lines(): string[] {
    return this.output.out.split("\n").slice(0, -1);
  }

  /** What its lines say, without the time, the node and the partition. */
  get said(): string[] {
    return this.lines.map((line) => line.split(" ").slice(3).join(" "));
  }

  async shows(count: number): Promise<void> {
    await waitFor(() => this.lines.length >= count, { message: this.output.out });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.output.interrupt();
    await this.done;
  }
}

async function declared(partitions = 1): Promise<LocalFixture> {
  const fixture = await LocalFixture.start(partitions);
  await fixture.writer.declare();
  return fixture;
}

describe("tail --journal", () => {
  test("begins with what comes next, or where it is told, within an entry, too", async () => {
    await using fixture = await declared();
    await fixture.writer.events(0, ["a", "b", "c"]);
    await using latest = new Tail(fixture, "");
    await using from = new Tail(fixture, "--from 1");
    await from.shows(2);
    await fixture.writer.events(0, ["d"]);
    await latest.shows(1);
    await from.shows(3);
    expect(latest.said).toEqual(["inserted put 'd' #3 @3 = 1"]);
    expect(from.said).toEqual(
      ["'b' #1 @1", "'c' #2 @2", "'d' #3 @3"].map((text) => `inserted put ${text} = 1`),
    );
  });

  test("shows markers, what was trimmed and what can't be read as gaps", async () => {
    await using fixture = await declared();
    const { writer } = fixture;
    for (let n = 0; n < 120; n++) await writer.events(0, [n]);
    await using tail = new Tail(fixture, "--from 3");
    await tail.shows(1);
    const first = Number(/@3\.\.@(\d+): \d+ events trimmed$/.exec(tail.lines[0] as string)?.[1]);
    expect(first).toBeGreaterThan(3);
    await tail.shows(1 + 119 - first);
    const before = tail.lines.length;
    await writer.loss(0, 120, 129);
    await writer.foreign(0);
    await writer.events(0, ["\u001b[2J"]);
    await tail.shows(before + 3);
    expect(tail.said.slice(before)).toEqual([
      "gap      #120..#129: 10 events lost @120",
      "gap      @121..@121: 1 event not in the journal any more, or not readable",
      String.raw`inserted put '\x1B[2J' #121 @122 = 1`,
    ]);
    expect(tail.output.err).toMatch(/^the entry at position 121 of partition 0 can't be read: /);
  });

  test("goes on in the new generation of a journal that was lost", async () => {
    await using fixture = await declared();
    const { writer } = fixture;
    await writer.events(0, ["a", "b"]);
    await using tail = new Tail(fixture, "--from earliest --json");
    await tail.shows(2);
    fixture.hub.flush();
    await writer.declare();
    await writer.events(0, ["c"]);
    await tail.shows(4);
    const [, , gap, event] = tail.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(gap).toMatchObject({ type: "gap", reason: "journal_lost", from: 2, to: 1 });
    expect(event).toMatchObject({ target: { key: "c" }, metadata: { position: 0, sequence: 2 } });
  });

  test("reads over an outage; types and partitions are chosen", async () => {
    await using fixture = await declared(2);
    await using tail = new Tail(fixture, "--partition 1 --from earliest");
    await using none = new Tail(fixture, "--events deleted");
    await fixture.writer.events(0, ["other"]);
    await fixture.writer.events(1, ["a"]);
    await tail.shows(1);
    fixture.hub.disconnect("observer");
    await fixture.writer.events(1, ["b"]);
    fixture.hub.connect("observer");
    await tail.shows(2);
    expect(tail.said.map((text) => text.split(" ")[2])).toEqual(["'a'", "'b'"]);
    expect(tail.output.err).toMatch(/^no connection to redis:\/\/h: trying again.*\nconnected to/);
    expect(none.lines).toEqual([]);
  });

  test("a position needs its partition", async () => {
    await using fixture = await declared(2);
    const { done } = new Tail(fixture, "--from 1");
    await expect(done).rejects.toThrow("option --partition: expected a partition");
  });
});
