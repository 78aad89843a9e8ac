/** A trace that can't be read; its message is one line for the user. */
export class TraceError extends Error {
  override readonly name = "TraceError";
  readonly file: string;
  /** The line at fault, from 1; absent where the fault is not in a line. */
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, reason: string, cause?: unknown) {
    super(`${line === undefined ? file : `${file}:${line}`}: ${reason}`, { cause });
    this.file = file;
    this.line = line;
  }
}

/** A line that its format does not allow; the reader adds the file and the line number. */
export class LineError extends Error {
  override readonly name = "LineError";
}

const SAMPLE_LENGTH = 60;

/** The start of a line as it may be shown on a terminal, whatever bytes are in it. */
export function sample(line: string): string {
  const start = line.length > SAMPLE_LENGTH ? `${line.slice(0, SAMPLE_LENGTH)}...` : line;
  return JSON.stringify(start).replace(
    /[\u007f-\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
