import { once } from "node:events";
import { parseArgs, types } from "node:util";
import { type Engine, NotInstalledError } from "./broker.js";

const exit = { ok: 0, failed: 1, badInput: 2, interrupted: 130 } as const;

/** What a program is asked for on its command line. */
export interface Request {
  readonly engine: Engine;
  /** A server that runs already. */
  readonly url: string | undefined;
}

/** What a program does. */
export interface Run {
  /** Gives whether all was as promised. */
  tell(): Promise<boolean>;
  /** Ends all that it has started. */
  stop(): Promise<void>;
}

/**
 * Reads the command line, and has a run tell its story, until it is interrupted; gives the exit status.
 *
 * @param engines what it can run over
 */
export async function runProgram(
  usage: string,
  start: (request: Request) => Run,
  engines: readonly Engine[] = ["redis", "nats"],
): Promise<number> {
  const request = readRequest(process.argv.slice(2), engines);
  if (request === undefined) {
    process.stderr.write(usage);
    return exit.badInput;
  }
  const interrupted = new AbortController();
  // Once only: a second Ctrl-C ends the process at once, and with it the others.
  process.once("SIGINT", () => interrupted.abort());
  process.once("SIGTERM", () => interrupted.abort());
  // Nobody reads on (`| head`).
  process.stdout.once("error", () => interrupted.abort());
  const run = start(request);
  try {
    const isKept = await Promise.race([run.tell(), once(interrupted.signal, "abort")]);
    if (interrupted.signal.aborted) return exit.interrupted;
    return isKept === true ? exit.ok : exit.failed;
  } catch (error) {
    process.stderr.write(`${types.isNativeError(error) ? error.message : String(error)}\n`);
    return error instanceof NotInstalledError ? exit.badInput : exit.failed;
  } finally {
    await run.stop();
  }
}

function readRequest(args: string[], engines: readonly Engine[]): Request | undefined {
  try {
    const { positionals, values } = parseArgs({
      args,
      allowPositionals: true,
      options: { url: { type: "string" } },
    });
    const [name = "redis", ...rest] = positionals;
    const engine = engines.find((it) => it === name);
    if (engine === undefined || rest.length > 0) return undefined;
    return { engine, url: values.url };
  } catch {
    return undefined;
  }
}
