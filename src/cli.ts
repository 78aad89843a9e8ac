#!/usr/bin/env node
import { createInterface } from "node:readline/promises";
import { main } from "./cli/main.js";

const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  // Once only: a second one ends the process at once.
  process.once(signal, () => interrupt.abort());
const { stdin, stdout, stderr } = process;
// A reader that has seen enough (`| head`) is no failure.
stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  interrupt.abort();
});

process.exitCode = await main(process.argv.slice(2), {
  write: (text) => void stdout.write(text),
  say: (line) => void stderr.write(`nebulex-streams: ${line.trimEnd()}\n`),
  drained: () =>
    stdout.writableNeedDrain
      ? new Promise((resolve) => {
          stdout.once("drain", resolve);
          interrupt.signal.addEventListener("abort", () => resolve(), { once: true });
        })
      : Promise.resolve(),
  get size() {
    // Some terminals don't tell their size.
    const { isTTY, columns, rows } = stdout;
    return isTTY ? { columns: columns > 0 ? columns : 80, rows: rows > 0 ? rows : 24 } : undefined;
  },
  ask: stdin.isTTY && stderr.isTTY ? ask : undefined,
  signal: interrupt.signal,
});

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: stdin, output: stderr });
  // In its raw mode, the terminal sends no signal.
  lines.once("SIGINT", () => interrupt.abort());
  try {
    return await lines.question(question, { signal: interrupt.signal });
  } finally {
    lines.close();
  }
}
