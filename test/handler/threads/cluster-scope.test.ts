import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { waitFor } from "../../../src/testing.js";
import { Built } from "../../helpers/built.js";
import type { Package } from "./world.js";

let built: Built;
let pkg: Package;
const folder = mkdtempSync(join(tmpdir(), "nebulex-streams-cluster-threads-"));
beforeAll(async () => {
  built = await Built.make();
  pkg = await built.load<Package>("index.js");
}, 60_000);
afterAll(async () => {
  await built[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Note {
  key: string;
  value: number;
  position: number;
  partition: number;
  fence: number;
}

test("worker pools share the partitions of a cluster group, and their threads know fence and position", async () => {
  const log = join(folder, "log");
  writeFileSync(log, "");
  const module = join(folder, "handler.mjs");
  writeFileSync(
    module,
    `import { appendFileSync } from "node:fs";
    let failed = false;
    export default (event, { fence, partition }) => {
      const { target: { key }, value, metadata: { position } } = event;
      if (key === "o50" && !failed) {
        failed = true;
        throw new Error("not at once");
      }
      appendFileSync(${JSON.stringify(log)}, JSON.stringify({ key, value, position, partition, fence }) + "\\n");
    };`,
  );
  const hub = pkg.createJournalHub();
  const start = async (nodeName: string) => {
    const cache = pkg.defineCache<string, number>({ name: "orders" });
    const journal = pkg.localJournal({ hub, nodeName });
    const sup = await pkg.startSupervisor({
      strategy: "rest_for_one",
      children: [
        cache,
        journal,
        pkg.streamServer({ cache, journal, partitions: 4, include: ["value"] }),
        pkg.workerPool({
          cache,
          id: "mailer",
          scope: "cluster",
          from: "earliest",
          module: pathToFileURL(module).href,
          workers: 2,
          maxAttempts: 2,
          onError: "resume",
        }),
      ],
    });
    return { cache, sup };
  };
  const a = await start("a");
  const b = await start("b");
  const group = pkg.clusterGroup(b.cache, "mailer");
  await waitFor(async () => {
    const owners = (await group.status()).map(({ owner }) => owner);
    return owners.filter((owner) => owner === "b").length === 2;
  });
  for (let n = 1; n <= 300; n++) a.cache.put(`o${n}`, n);
  const handled = async (): Promise<number> =>
    (await group.status()).reduce((sum, { position }) => sum + position, 0);
  await waitFor(async () => (await handled()) === 300);
  await a.sup.stop();
  for (let n = 301; n <= 400; n++) b.cache.put(`o${n}`, n);
  await waitFor(async () => (await handled()) === 400, { timeout: 10_000 });
  await b.sup.stop();
  const notes = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Note);
  expect(notes).toHaveLength(400);
  expect(new Set(notes.map(({ key }) => key)).size).toBe(400);
  for (const partition of [0, 1, 2, 3]) {
    const own = notes.filter((note) => note.partition === partition);
    expect(own.map(({ position }) => position)).toEqual(own.map((_, index) => index));
    expect(own.every(({ key, value, fence }) => key === `o${value}` && fence > 0)).toBe(true);
  }
});
