import type { Request } from "../request.js";
import { LineError, sample } from "./trace-error.js";
import type { Run, TraceFormat } from "./trace-format.js";

const SHAPE = "timestamp,key,key size,value size,client id,operation,TTL";
const LINE = /^\d+,([^,]+),\d+,\d+,\d+,([a-zA-Z]+),(\d+)$/;

const OPERATIONS: ReadonlyMap<string, Request["op"]> = new Map([
  ["get", "read"],
  ["gets", "read"],
  ["set", "write"],
  ["add", "write"],
  ["replace", "write"],
  ["cas", "write"],
  ["append", "write"],
  ["prepend", "write"],
  ["incr", "write"],
  ["decr", "write"],
  ["delete", "delete"],
]);

/** Twitter's cache traces: a TTL is in seconds, and 0 where there is none. */
export const twitter: TraceFormat = {
  name: "Twitter cache-trace CSV",
  shape: SHAPE,
  recognizes: (firstLine) => LINE.test(firstLine),
  parse(line): Run {
    const fields = LINE.exec(line);
    if (fields === null) throw new LineError(`expected ${SHAPE}, got ${sample(line)}`);
    const [, keyText = "", name = "", seconds = ""] = fields;
    const op = OPERATIONS.get(name);
    if (op === undefined) {
      const known = [...OPERATIONS.keys()].join(", ");
      throw new LineError(`unknown operation ${sample(name)}: expected one of ${known}`);
    }
    const ttl = Number(seconds) * 1_000;
    if (!Number.isSafeInteger(ttl)) throw new LineError(`TTL out of range: ${sample(seconds)}`);
    const key = ownCopy(keyText);
    return ttl === 0 ? { op, key } : { op, key, ttl };
  },
};

/**
 * The key as a string of its own. A match is a view into the chunk it was cut from, and a key that
 * stays in the cache would keep the whole chunk, and in the end the whole file, in memory.
 */
function ownCopy(key: string): string {
  return Buffer.from(key, "latin1").toString("latin1");
}
