import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "@jest/globals";
import { failureOf, traceFolder } from "./helpers.js";

const folder = traceFolder();
afterAll(() => folder.remove());

const line = "1,5633898,2a,512,42932745\n";
const many = line.repeat(20_000);
const compressed = gzipSync(
  Array.from({ length: 20_000 }, (_, index) => `1,5,28,512,${index ** 2 % 99_991}\n`).join(""),
);

describe("a file that can't be read is reported as such", () => {
  test("one that is missing", async () => {
    const file = join(folder.path, "missing.csv");
    expect(await failureOf(file)).toEqual({ name: "TraceError", message: `${file}: no such file` });
  });

  test("one below a file", async () => {
    const file = join(folder.write("a-file", line), "trace.csv");
    expect(await failureOf(file)).toEqual({ name: "TraceError", message: `${file}: no such file` });
  });

  test("a directory", async () => {
    const message = `${folder.path}: is a directory, not a trace`;
    expect(await failureOf(folder.path)).toEqual({ name: "TraceError", message });
  });

  test("a name with a null character", async () => {
    const { name, message } = await failureOf("trace\0.csv");
    expect({ name, message }).toEqual({
      name: "TraceError",
      message: "trace\0.csv: not a valid file name",
    });
  });

  test("a device", async () => {
    const message = "/dev/null: is not a regular file";
    expect(await failureOf("/dev/null")).toEqual({ name: "TraceError", message });
  });
});

describe("a file without a trace in it", () => {
  test.each([
    ["nothing", ""],
    ["a header", "version,time,op,size,lbn\n"],
    ["blank lines", "\n\n"],
    ["compressed nothing", gzipSync("")],
    ["an ARC line that reads nothing", "5 0 0 0\n"],
  ])("with only %s in it", async (name, content) => {
    const file = folder.write(`only ${name}`, content);
    expect(await failureOf(file)).toEqual({
      name: "TraceError",
      message: `${file}: there are no requests in it`,
    });
  });

  test.each([
    ["prose", "Call me Ishmael.\n", '"Call me Ishmael."'],
    ["another CSV", "id,name\n1,a\n", '"id,name"'],
    ["other columns", "version,time,op,size,obj_id\n1,1,28,1,1\n", '"version,time,op,size,obj_id"'],
    ["three numbers", "1 2 3\n", '"1 2 3"'],
    ["a negative block", "-1 2 0 0\n", '"-1 2 0 0"'],
    ["terminal escapes", "\u001b[2J\u009b31m\u007f\n", '"\\u001b[2J\\u009b31m\\u007f"'],
    ["a zip", Buffer.from([0x50, 0x4b, 3, 4, 0, 0]), '"PK\\u0003\\u0004\\u0000\\u0000"'],
    ["half a gzip header", Buffer.from([0x1f]), '"\\u001f"'],
    ["a long line", `${"x".repeat(1_000)}\n`, `"${"x".repeat(60)}..."`],
  ])("%s is of an unknown format", async (name, content, got) => {
    const file = folder.write(`format ${name}`, content);
    const failure = await failureOf(file);
    expect(failure.name).toBe("TraceError");
    expect(failure.message).toBe(
      `${file}:1: unknown trace format: expected libCacheSim CSV (version,time,op,size,lbn), ` +
        "Twitter cache-trace CSV (timestamp,key,key size,value size,client id,operation,TTL), " +
        `ARC .lis (start count ignored request); got ${got}`,
    );
  });
});

describe("a malformed line is reported with its number", () => {
  const simShape = "expected version,time,op,size,lbn, got";
  const twitterShape = "expected timestamp,key,key size,value size,client id,operation,TTL, got";
  const twitterLine = "0,k,1,2,3,get,0\n";

  test.each([
    { content: `${line}1,2,28,512\n`, number: 2, reason: `${simShape} "1,2,28,512"` },
    { content: `${line}1,2,28,512,3,4\n`, number: 2, reason: `${simShape} "1,2,28,512,3,4"` },
    {
      content: `version,time,op,size,lbn\n${line}1,2,28,512,\n`,
      number: 3,
      reason: `${simShape} "1,2,28,512,"`,
    },
    { content: `${line}1,2,28,512,-3\n`, number: 2, reason: `${simShape} "1,2,28,512,-3"` },
    { content: `${line}1,2,28,512,0x3\n`, number: 2, reason: `${simShape} "1,2,28,512,0x3"` },
    { content: `${line}1,2,28,5.5,3\n`, number: 2, reason: `${simShape} "1,2,28,5.5,3"` },
    { content: `${line}1,2,28, 512,3\n`, number: 2, reason: `${simShape} "1,2,28, 512,3"` },
    {
      content: `${line}1,2,99,512,3\n`,
      number: 2,
      reason: 'unknown op "99": expected 28 (read) or 2a (write)',
    },
    {
      content: `1,2,99,512,3\n`,
      number: 1,
      reason: 'unknown op "99": expected 28 (read) or 2a (write)',
    },
    {
      content: `${line}version,time,op,size,lbn\n`,
      number: 2,
      reason: `${simShape} "version,time,op,size,lbn"`,
    },
    { content: `${line}\n${line}`, number: 2, reason: "expected a request, got a blank line" },
    { content: `\n${line}`, number: 1, reason: "expected a request, got a blank line" },
    { content: `${many}oops\n${many}`, number: 20_001, reason: `${simShape} "oops"` },
    { content: `${many}oops`, number: 20_001, reason: `${simShape} "oops"` },
    {
      content: `${line}${"1".repeat(70_000)}\n`,
      number: 2,
      reason: "line is longer than 65536 bytes",
    },
    {
      content: `${line}${"1".repeat(700_000)}`,
      number: 2,
      reason: "line is longer than 65536 bytes",
    },
    {
      content: `${twitterLine}0,k,1,2,get,0\n`,
      number: 2,
      reason: `${twitterShape} "0,k,1,2,get,0"`,
    },
    {
      content: `${twitterLine}0,,1,2,3,get,0\n`,
      number: 2,
      reason: `${twitterShape} "0,,1,2,3,get,0"`,
    },
    {
      content: `${twitterLine}0,a,b,1,2,3,get,0\n`,
      number: 2,
      reason: `${twitterShape} "0,a,b,1,2,3,get,0"`,
    },
    {
      content: `${twitterLine}0,k,1,2,3,get,-1\n`,
      number: 2,
      reason: `${twitterShape} "0,k,1,2,3,get,-1"`,
    },
    {
      content: `${twitterLine}0,k,1,2,3,flush,0\n`,
      number: 2,
      reason:
        'unknown operation "flush": expected one of get, gets, set, add, replace, cas, append, prepend, incr, decr, delete',
    },
    {
      content: `${twitterLine}0,k,1,2,3,set,9007199254741\n`,
      number: 2,
      reason: 'TTL out of range: "9007199254741"',
    },
    {
      content: "1 2 0 0\n1 2 0\n",
      number: 2,
      reason: 'expected start count ignored request, got "1 2 0"',
    },
    {
      content: "1 2 0 0\n1,2,0,0\n",
      number: 2,
      reason: 'expected start count ignored request, got "1,2,0,0"',
    },
    {
      content: "9007199254740991 1 0 0\n",
      number: 1,
      reason: 'block number out of range: "9007199254740991 1 0 0"',
    },
  ])("$reason (line $number)", async ({ content, number, reason }) => {
    const file = folder.write(`malformed-${reason.length}-${content.length}`, content);
    expect(await failureOf(file)).toEqual({
      name: "TraceError",
      message: `${file}:${number}: ${reason}`,
    });
  });
});

describe("a gzip file that is broken", () => {
  test("because its end is missing", async () => {
    const file = folder.write("truncated.gz", compressed.subarray(0, compressed.length - 100));
    const { name, message } = await failureOf(file);
    expect(name).toBe("TraceError");
    expect(message).toMatch(
      /truncated\.gz:\d+: the gzip data end too early: the file is truncated$/,
    );
  });

  test("because it holds nothing behind its first bytes", async () => {
    const file = folder.write("magic-only.gz", Buffer.from([0x1f, 0x8b]));
    const message = `${file}:1: the gzip data end too early: the file is truncated`;
    expect(await failureOf(file)).toEqual({ name: "TraceError", message });
  });

  test("because its method of compression is unknown", async () => {
    const file = folder.write("method.gz", Buffer.from([0x1f, 0x8b, 0, 0, 0, 0, 0, 0, 0, 0]));
    const message = `${file}:1: the gzip data are corrupt`;
    expect(await failureOf(file)).toEqual({ name: "TraceError", message });
  });

  test("because its checksum is wrong", async () => {
    const damaged = Buffer.from(compressed).fill(0, compressed.length - 8, compressed.length - 4);
    const { name, message } = await failureOf(folder.write("checksum.gz", damaged));
    expect(name).toBe("TraceError");
    expect(message).toMatch(/checksum\.gz:\d+: the gzip data are corrupt$/);
  });
});
