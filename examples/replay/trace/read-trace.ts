import { BATCH_SIZE } from "../request.js";
import type { Batch, Request } from "../request.js";
import { detectFormat } from "./format.js";
import { readLines } from "./lines.js";
import { describeFileError, openTrace } from "./source.js";
import { LineError, TraceError } from "./trace-error.js";
import type { Run, TraceFormat } from "./trace-format.js";

/**
 * Reads a trace as a stream of batches: only a batch and a chunk of the file are ever in memory.
 *
 * The format (libCacheSim CSV, Twitter cache-trace CSV, ARC .lis) is told by the first line, gzip by
 * the first bytes. Blank lines are allowed at the end only.
 *
 * @throws TraceError for a file that can't be read, has none of the formats or no requests, or for a
 *   line that its format does not allow
 */
export async function* readTrace(file: string): AsyncGenerator<Batch> {
  const source = await openTrace(file);
  let format: TraceFormat | undefined;
  let line = 1;
  let blankLine: number | undefined;
  let progress = 0;
  let read = 0;
  let requests: Request[] = [];
  try {
    for await (const { lines, firstLine } of readLines(source.chunks)) {
      const start = progress;
      const share = (source.progress() - start) / lines.length;
      for (const [index, text] of lines.entries()) {
        line = firstLine + index;
        if (text.trim() === "") {
          blankLine ??= line;
          continue;
        }
        if (blankLine !== undefined) {
          line = blankLine;
          throw new LineError("expected a request, got a blank line");
        }
        if (format === undefined) {
          format = detectFormat(text);
          if (text === format.header) continue;
        }
        const run = format.parse(text);
        progress = start + share * (index + 1);
        for (let offset = 0; offset < (run.count ?? 1); offset += 1) {
          read += 1;
          if (requests.push(requestOf(run, offset)) < BATCH_SIZE) continue;
          yield { requests, progress };
          requests = [];
        }
      }
      line = firstLine + lines.length;
    }
  } catch (error) {
    throw locate(error, file, line);
  }
  if (read === 0) throw new TraceError(file, undefined, "there are no requests in it");
  if (requests.length > 0) yield { requests, progress: 1 };
}

function requestOf(run: Run, offset: number): Request {
  return run.count === undefined ? run : { op: run.op, key: run.key + offset };
}

function locate(error: unknown, file: string, line: number): unknown {
  if (error instanceof LineError) return new TraceError(file, line, error.message, error);
  return describeFileError(file, error, line);
}
