import { readFileSync } from "node:fs";

let known: string | undefined;

/**
 * The version of this package; `"unknown"` where its package.json is not beside it, as in a bundle.
 *
 * @internal
 */
export function packageVersion(): string {
  known ??= readVersion();
  return known;
}

function readVersion(): string {
  try {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return "unknown";
  }
}
