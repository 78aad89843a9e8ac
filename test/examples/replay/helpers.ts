import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Batch, Request } from "../../../examples/replay/request.js";
import { readTrace } from "../../../examples/replay/trace/read-trace.js";

/** A folder for the traces of one test file. */
export interface TraceFolder {
  readonly path: string;
  /** Writes a trace and gives its path; strings are written as latin1. */
  write(name: string, content: string | Buffer): string;
  remove(): void;
}

export function traceFolder(): TraceFolder {
  const path = mkdtempSync(join(tmpdir(), "replay-"));
  return {
    path,
    write(name, content) {
      const file = join(path, name);
      writeFileSync(file, content, "latin1");
      return file;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export async function batchesOf(file: string): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of readTrace(file)) batches.push(batch);
  return batches;
}

export async function requestsOf(file: string): Promise<Request[]> {
  return (await batchesOf(file)).flatMap(({ requests }) => requests);
}

/** The message of the error with which reading a trace ends. */
export async function failureOf(file: string): Promise<{ name: string; message: string }> {
  try {
    await batchesOf(file);
  } catch (error) {
    const { name, message } = error as Error;
    return { name, message };
  }
  throw new Error(`${file} was read without an error`);
}
