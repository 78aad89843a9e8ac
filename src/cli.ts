#!/usr/bin/env node
import { main } from "./cli/main.js";

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  // Once only: a second one ends the process at once.
  process.once(signal, () => interrupt.abort());
// A reader that has seen enough (`| head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  interrupt.abort();
});

process.exitCode = await main(process.argv.slice(2), {
  write: (text) => void process.stdout.write(text),
  say: (line) => void process.stderr.write(`nebulex-streams: ${line.trimEnd()}\n`),
  signal: interrupt.signal,
});
