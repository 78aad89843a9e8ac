import { readFileSync } from "node:fs";

/** Put in by the build. */
declare const packageVersionAtBuild: string | undefined;

let known: string | undefined;

/**
 * The version of this package; `"unknown"` where it was not built, and its package.json is not
 * beside it.
 *
 * @internal
 */
export function packageVersion(): string {
  known ??= readVersion();
  return known;
}

function readVersion(): string {
  if (typeof packageVersionAtBuild === "string") return packageVersionAtBuild;
  try {
    const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return "unknown";
  }
}
