import { LineError, sample } from "./trace-error.js";
import type { Run, TraceFormat } from "./trace-format.js";

const SHAPE = "start count ignored request";
const LINE = /^[ \t]*(\d+)[ \t]+(\d+)[ \t]+\d+[ \t]+\d+[ \t]*$/;

/** The traces of the ARC paper (.lis): each line reads `count` consecutive blocks from `start` on. */
export const arc: TraceFormat = {
  name: "ARC .lis",
  shape: SHAPE,
  recognizes: (firstLine) => LINE.test(firstLine),
  parse(line): Run {
    const fields = LINE.exec(line);
    if (fields === null) throw new LineError(`expected ${SHAPE}, got ${sample(line)}`);
    const key = Number(fields[1]);
    const count = Number(fields[2]);
    if (!Number.isSafeInteger(key + count)) {
      throw new LineError(`block number out of range: ${sample(line)}`);
    }
    return { op: "read", key, count };
  },
};
