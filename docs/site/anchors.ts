import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Checks that each link to a heading of the built pages has that heading; VitePress checks the pages. */
export function checkAnchors(folder: string): void {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".html"));
  const pages = new Map(
    files.map((name) => [pathOf(name), readFileSync(join(folder, name), "utf8")]),
  );
  const ids = new Map([...pages].map(([path, html]) => [path, idsOf(html)]));
  const broken = [...pages].flatMap(([path, html]) =>
    [...html.matchAll(/<a [^>]*?href="(\/[^"#]*)?#([^"]+)"/g)]
      .filter(([, target = path, id = ""]) => ids.get(target)?.has(decodeURIComponent(id)) !== true)
      .map(([, target = path, id]) => `${path}: ${target}#${id}`),
  );
  if (broken.length > 0)
    throw new Error(`links to headings that are missing:\n${[...new Set(broken)].join("\n")}`);
}

/** `reference/index.html` is `/reference/`, `cluster.html` is `/cluster`. */
const pathOf = (name: string): string =>
  `/${name.replace(/(?:^|(?<=\/))index\.html$|\.html$/, "")}`;

const idsOf = (html: string): Set<string> =>
  new Set([...html.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id ?? ""));
