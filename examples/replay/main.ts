/**
 * The main job: `npm start` replays a cache trace through a supervision tree of a cache, a stream of its
 * events and a pool of handlers, and reports what the handlers saw; with `--store redis`, in several processes
 * that share the cache. `npm start -- --help` lists the options.
 */
import { parseCommand, USAGE, UsageError } from "./options.js";
import type { ReplayOptions } from "./options.js";
import { progressDisplay } from "./progress.js";
import { NotInstalledError } from "../shared/broker.js";
import { replay } from "./replay.js";
import type { AnyResult } from "./report.js";
import { formatJson, formatTables } from "./report.js";
import { readTrace } from "./trace/read-trace.js";
import { TraceError } from "./trace/trace-error.js";
import { zipfWorkload } from "./workload/zipf.js";

const EXIT = Object.freeze({ ok: 0, failed: 1, badInput: 2, interrupted: 130 });

async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  // Once only: a second Ctrl-C ends the process at once.
  process.once("SIGINT", () => interrupt.abort(new Error("interrupted")));
  try {
    const command = parseCommand(argv);
    if (command.kind === "help") {
      process.stdout.write(USAGE);
      return EXIT.ok;
    }
    const { trace = null, seed, json, chaos } = command.options;
    const print = (result: AnyResult): void => {
      const report = { trace, seed, result };
      process.stdout.write(`${json ? formatJson(report) : formatTables(report)}\n`);
    };
    const result = await run(command.options, interrupt.signal, print);
    if (result.crashesLeft > 0) {
      complain(`${result.crashesLeft} of ${chaos} crashes had no event left to happen at`);
    }
    return result.lost === 0 && result.outOfOrder === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    return statusOf(error, interrupt.signal);
  }
}

/** Replays, and prints the result. */
async function run(
  options: ReplayOptions,
  signal: AbortSignal,
  print: (result: AnyResult) => void,
): Promise<AnyResult> {
  const { trace, seed, partitions, chaos } = options;
  const progress = progressDisplay(process.stderr);
  const workload = trace === undefined ? zipfWorkload(seed) : readTrace(trace);
  const common = { partitions, chaos, signal, onProgress: progress.update };
  try {
    if (options.store === "local") {
      const { maxEntries, inspect: port } = options;
      if (port !== undefined) {
        const onDone = async (result: AnyResult): Promise<void> => {
          progress.stop();
          print(result);
          complain("the page stays open until you interrupt");
          await aborted(signal);
        };
        const onOpen = (url: string): void => complain(`look at ${url}`);
        return await replay(workload, {
          ...common,
          maxEntries,
          inspect: { port, onOpen, onDone },
        });
      }
      const result = await replay(workload, { ...common, maxEntries });
      progress.stop();
      print(result);
      return result;
    }
    const { processes, url } = options;
    // Loaded only here: the local replay needs no client of Redis.
    const { replayShared } = await import("./shared-store/shared-replay.js");
    const result = await replayShared(workload, {
      ...common,
      processes,
      ...(url === undefined ? {} : { url }),
    });
    progress.stop();
    print(result);
    return result;
  } finally {
    progress.stop();
  }
}

/** Settles when the user interrupts; a timer keeps the process alive meanwhile. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setInterval(() => {}, 60_000);
    const end = (): void => {
      clearInterval(timer);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

/** Tells the user what went wrong; only what is nobody's input comes with a stack trace. */
function statusOf(error: unknown, signal: AbortSignal): number {
  if (signal.aborted) {
    complain("interrupted");
    return EXIT.interrupted;
  }
  if (
    error instanceof UsageError ||
    error instanceof TraceError ||
    error instanceof NotInstalledError
  ) {
    complain(error.message);
    return EXIT.badInput;
  }
  console.error(error);
  return EXIT.failed;
}

function complain(message: string): void {
  process.stderr.write(`replay: ${message}\n`);
}

// A reader that has seen enough (`npm start | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});
process.exitCode = await main(process.argv.slice(2));
