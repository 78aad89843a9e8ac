import type { Request } from "../request.js";

/** A request of a trace, or `count` of them with consecutive keys from `key` on. */
export type Run =
  | (Request & { readonly count?: never })
  | { readonly op: Request["op"]; readonly key: number; readonly count: number };

/** How the lines of one kind of trace are read. */
export interface TraceFormat {
  readonly name: string;
  /** What a line looks like, for messages. */
  readonly shape: string;
  /** The first line, where it names the columns and is no request. */
  readonly header?: string;
  /** Whether a trace that starts with this line has this format. */
  recognizes(firstLine: string): boolean;
  /**
   * The request in a line.
   * @throws LineError for a line that is none
   */
  parse(line: string): Run;
}
