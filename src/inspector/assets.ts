import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/** A file that the page is made of. @internal */
export interface Asset {
  readonly type: string;
  readonly content: Buffer;
}

/** The files of the page, by name: read once, so that no request can name another file. @internal */
export type Assets = ReadonlyMap<string, Asset>;

/** @param folder its files with a known type are the page's @internal */
export function readAssets(folder: string): Assets {
  const assets = new Map<string, Asset>();
  for (const { name } of readdirSync(folder, { withFileTypes: true }).filter((e) => e.isFile())) {
    const type = types[extname(name)];
    if (type !== undefined) assets.set(name, { type, content: readFileSync(join(folder, name)) });
  }
  return assets;
}

/**
 * Where the page is: beside the built package, or where a program that runs from the sources has it
 * built. Undefined: a bundler has taken this module away from it.
 *
 * @internal
 */
export function findPage(): string | undefined {
  // Bundles in CommonJS have no URL of a module.
  const here = import.meta.url as string | undefined;
  if (here === undefined) return undefined;
  return ["./inspector/", "../../dist/inspector/"]
    .map((folder) => fileURLToPath(new URL(folder, here)))
    .find((folder) => existsSync(join(folder, "index.html")));
}
