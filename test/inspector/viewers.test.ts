import { once } from "node:events";
import { Writable } from "node:stream";
import { expect, test } from "@jest/globals";
import { Viewers } from "../../src/inspector/viewers.js";
import { FakeSource } from "./fake-source.js";

const viewer = { name: "Ada", trusted: true, byCookie: true, over: false };

/** The connection to a page, which takes what is sent only when it is told to. */
class Connection extends Writable {
  readonly events: string[] = [];
  taking = true;
  #take = (): void => {};
  #written = (): void => {};

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.events.push(/^event: (\w+)/.exec(chunk.toString())?.[1] ?? "");
    this.#written();
    if (this.taking) done();
    else this.#take = done;
  }

  take(): void {
    this.taking = true;
    this.#take();
  }

  async until(isMet: (events: readonly string[]) => boolean): Promise<void> {
    while (!isMet(this.events))
      await new Promise<void>((resolve) => {
        this.#written = resolve;
      });
  }
}

function look(maxBehind?: number): { viewers: Viewers; source: FakeSource } {
  const source = new FakeSource(() => 0, { children: 200 });
  return { source, viewers: new Viewers(source, { actions: false, values: false }, maxBehind) };
}

test("a page that was behind is sent a snapshot in place of what it missed", async () => {
  const { viewers } = look();
  const slow = new Connection();
  const quick = new Connection();
  slow.taking = false;
  viewers.add(slow, viewer);
  viewers.add(quick, viewer);
  await quick.until((events) => events.length > 2);
  expect(slow.events).toEqual(["snapshot"]);
  expect(slow.writableLength).toBeLessThan(200_000);
  slow.take();
  await slow.until((events) => events.length > 2);
  expect(slow.events.slice(0, 3)).toEqual(["snapshot", "snapshot", "update"]);
  expect(quick.events.slice(1)).not.toContain("snapshot");
  viewers.close();
});

test("a page that takes nothing for long is dropped, and costs nothing any more", async () => {
  const { viewers, source } = look(0);
  const dead = new Connection();
  dead.taking = false;
  viewers.add(dead, viewer);
  await once(dead, "close");
  expect(source.looked).toBe(0);
  expect(viewers.full).toBe(false);
});

test("a page whose login is over is ended", async () => {
  const { viewers, source } = look();
  const page = new Connection();
  const login = { ...viewer };
  viewers.add(page, login);
  await page.until((events) => events.length > 0);
  login.over = true;
  await once(page, "close");
  expect(source.looked).toBe(0);
});
