import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "@jest/globals";
import { BATCH_SIZE } from "../../../examples/replay/request.js";
import { readTrace } from "../../../examples/replay/trace/read-trace.js";
import { batchesOf, requestsOf, traceFolder } from "./helpers.js";

const folder = traceFolder();
afterAll(() => folder.remove());

const read = (key: string | number) => ({ op: "read", key });
const write = (key: string | number) => ({ op: "write", key });

describe("a libCacheSim CSV", () => {
  const lines = "1,5633898,2a,512,42932745\n1,5633899,28,512,7\n1,5633900,2A,8192,007\n";
  const requests = [write(42_932_745), read(7), write(7)];

  test.each([
    ["with a header", `version,time,op,size,lbn\n${lines}`],
    ["without a header", lines],
    ["without a line end behind the last line", lines.trimEnd()],
    ["with carriage returns", `version,time,op,size,lbn\n${lines}`.replaceAll("\n", "\r\n")],
    ["with a byte order mark", `\u00ef\u00bb\u00bfversion,time,op,size,lbn\n${lines}`],
    ["with blank lines at its end", `${lines}\n \n\n`],
  ])("%s", async (name, content) => {
    expect(await requestsOf(folder.write(`${name}.csv`, content))).toEqual(requests);
  });

  test("keeps block numbers apart that are too long for a number", async () => {
    const content =
      "1,1,28,1,9007199254740993\n1,1,28,1,9007199254740992\n1,1,28,1,009007199254740991\n";
    expect(await requestsOf(folder.write("long-blocks.csv", content))).toEqual([
      read("9007199254740993"),
      read("9007199254740992"),
      read(Number.MAX_SAFE_INTEGER),
    ]);
  });
});

describe("a Twitter cache trace", () => {
  test.each([
    ...["get", "gets"].map((name) => [name, "read"]),
    ...["set", "add", "replace", "cas", "append", "prepend", "incr", "decr"].map((name) => [
      name,
      "write",
    ]),
    ["delete", "delete"],
  ])("%s is a %s", async (operation, op) => {
    const file = folder.write(
      `${operation}.twitter`,
      `0,nz:u:eeW511W3dcH3de3d15ec,24,304,0,${operation},0\n`,
    );
    expect(await requestsOf(file)).toEqual([{ op, key: "nz:u:eeW511W3dcH3de3d15ec" }]);
  });

  test("gives its TTL, which is in seconds, in milliseconds", async () => {
    const file = folder.write("ttl.twitter", "0,a,1,2,3,set,86400\n1,a,1,2,3,set,0\n");
    expect(await requestsOf(file)).toEqual([
      { op: "write", key: "a", ttl: 86_400_000 },
      { op: "write", key: "a" },
    ]);
  });

  test("keeps odd keys apart, byte by byte", async () => {
    const keys = [
      "a b",
      '"q',
      "'",
      "\\",
      "1e3",
      "__proto__",
      "\u00ff\u00fe",
      "\u00ff\u00fd",
      "\u001b[2J",
    ];
    const lines = keys.map((key) => `0,${key},1,2,3,get,0\n`);
    expect(await requestsOf(folder.write("odd.twitter", lines.join("")))).toEqual(keys.map(read));
  });
});

describe("an ARC trace", () => {
  test("is a read of each of `count` consecutive blocks", async () => {
    const file = folder.write("small.lis", "110765 3 0 1\n5 0 0 2\n 7\t1 0 3 \n");
    expect(await requestsOf(file)).toEqual([110_765, 110_766, 110_767, 7].map(read));
  });

  test("is expanded a batch at a time, however large a count is", async () => {
    const file = folder.write("huge.lis", `10 ${2 ** 52} 0 1\n`);
    for await (const { requests } of readTrace(file)) {
      expect(requests).toHaveLength(BATCH_SIZE);
      expect(requests.at(-1)).toEqual(read(10 + BATCH_SIZE - 1));
      break;
    }
  });
});

describe("a long trace", () => {
  const blocks = Array.from({ length: 20_000 }, (_, index) => (index * 7_919) % 100_003);
  const content = blocks.map((block) => `1,5,28,512,${block}\n`).join("");

  test.each([
    ["plain", "long.csv", Buffer.from(content)],
    ["gzipped, whatever its name", "long.bin", gzipSync(content)],
    [
      "gzipped in two parts",
      "parts.gz",
      Buffer.concat([gzipSync(content.slice(0, 1_001)), gzipSync(content.slice(1_001))]),
    ],
  ])("%s comes whole, in batches whose progress rises to 1", async (_, name, bytes) => {
    const batches = await batchesOf(folder.write(name, bytes));
    expect(batches.flatMap(({ requests }) => requests.map(({ key }) => key))).toEqual(blocks);
    expect(batches.length).toBe(Math.ceil(blocks.length / BATCH_SIZE));
    const progress = batches.map((batch) => batch.progress);
    expect(progress).toEqual(progress.toSorted((one, other) => one - other));
    expect(progress[0]).toBeLessThan(0.5);
    expect(progress.at(-1)).toBe(1);
  });
});
