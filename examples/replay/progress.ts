import cliProgress from "cli-progress";
import type { ReplayStatus } from "./replay.js";

/** Shows how far a replay is. */
export interface ProgressDisplay {
  update(status: ReplayStatus): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

const FORMAT =
  "{bar} {percentage}% | {requests} requests | {handled} events handled | {duration_formatted}";

/** A progress bar on a terminal; nothing on a stream that is none. */
export function progressDisplay(stream: NodeJS.WriteStream): ProgressDisplay {
  if (!stream.isTTY) return { update: () => undefined, stop: () => undefined };
  const bar = new cliProgress.SingleBar({
    stream,
    format: FORMAT,
    barCompleteChar: "#",
    barIncompleteChar: "-",
    clearOnComplete: true,
    hideCursor: true,
  });
  bar.start(100, 0, { requests: 0, handled: 0 });
  return {
    update: ({ progress, requests, handled }) =>
      bar.update(Math.floor(progress * 100), { requests, handled }),
    stop: () => bar.stop(),
  };
}
