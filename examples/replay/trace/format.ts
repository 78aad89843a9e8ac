import { arc } from "./arc.js";
import { libCacheSim } from "./lib-cache-sim.js";
import { LineError, sample } from "./trace-error.js";
import type { TraceFormat } from "./trace-format.js";
import { twitter } from "./twitter.js";

const FORMATS: readonly TraceFormat[] = [libCacheSim, twitter, arc];

/**
 * Tells from the first line of a trace which format it has.
 *
 * @throws LineError if it is the first line of none
 */
export function detectFormat(firstLine: string): TraceFormat {
  const format = FORMATS.find((candidate) => candidate.recognizes(firstLine));
  if (format !== undefined) return format;
  const known = FORMATS.map(({ name, shape }) => `${name} (${shape})`).join(", ");
  throw new LineError(`unknown trace format: expected ${known}; got ${sample(firstLine)}`);
}
