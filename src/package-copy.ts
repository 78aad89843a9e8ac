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
    const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return "unknown";
  }
}

/**
 * Where an object says which copy of the package has made it: the same key in all copies, which
 * otherwise share nothing.
 *
 * @internal
 */
export const copyKey: unique symbol = Symbol.for("nebulex-streams.copy") as never;

/** @internal */
export const thisCopy = {
  toString: (): string =>
    `${packageVersion()} at ${(import.meta.url as string | undefined) ?? "a bundle"}`,
};

/** Says which other copy of the package has made a value; undefined if none has. @internal */
export function describeOtherCopy(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || !(copyKey in value)) return undefined;
  const copy = value[copyKey];
  return copy === thisCopy
    ? undefined
    : `made by another copy of nebulex-streams (${String(copy)}; this one is ${String(thisCopy)}): load one copy only`;
}
