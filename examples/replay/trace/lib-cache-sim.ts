import { LineError, sample } from "./trace-error.js";
import type { Run, TraceFormat } from "./trace-format.js";

const HEADER = "version,time,op,size,lbn";
const LINE = /^\d+,\d+,([\da-fA-F]{1,2}),\d+,(\d+)$/;
const DIGITS_OF_A_SAFE_INTEGER = 15;

/** libCacheSim's CSV of a block trace: `op` is a SCSI command in hex, the key is the block `lbn`. */
export const libCacheSim: TraceFormat = {
  name: "libCacheSim CSV",
  shape: HEADER,
  header: HEADER,
  recognizes: (firstLine) => firstLine === HEADER || LINE.test(firstLine),
  parse(line): Run {
    const fields = LINE.exec(line);
    if (fields === null) throw new LineError(`expected ${HEADER}, got ${sample(line)}`);
    const [, op = "", block = ""] = fields;
    return { op: operation(op), key: blockKey(block) };
  },
};

function operation(code: string): "read" | "write" {
  switch (code) {
    case "28":
      return "read";
    case "2a":
    case "2A":
      return "write";
    default:
      throw new LineError(`unknown op ${sample(code)}: expected 28 (read) or 2a (write)`);
  }
}

/** A number, unless it has more digits than a number keeps apart: then the digits themselves. */
function blockKey(digits: string): string | number {
  if (digits.length <= DIGITS_OF_A_SAFE_INTEGER) return Number(digits);
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : digits.replace(/^0+/, "");
}
