import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, extname, join, posix } from "node:path";
import { pagesFolder, projectRoot, siteRoot } from "./paths.js";

/** The files that pages are made of, relative to the project, with the page's path. */
const pages = new Map<string, string>([
  ["README.md", "introduction.md"],
  ["CHANGELOG.md", "changelog.md"],
  ["LICENSE", "license.md"],
  ...filesIn("docs").map((name): [string, string] => [`docs/${name}`, name]),
  ...filesIn("examples").map((name): [string, string] => [
    `examples/${name}`,
    `examples/${name.replace(/\.ts$/, ".md")}`,
  ]),
]);

function filesIn(folder: string): string[] {
  return (
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: "utf8" })
      .map((name) => name.replaceAll("\\", "/"))
      // What the site is made with is no page of it.
      .filter((name) => /\.(?:md|ts)$/.test(name) && !name.startsWith("site/"))
      .sort()
  );
}

/**
 * Writes README, docs/, the examples and the first page as pages of the site.
 *
 * @throws when one of them links to a file that is no page
 */
export function writeGuides(): void {
  for (const [path, page] of pages) {
    const source = readFileSync(join(projectRoot, path), "utf8");
    writePage(page, extname(path) === ".ts" ? exampleOf(path, source) : withLinks(path, source));
  }
  cpSync(join(siteRoot, "public"), join(pagesFolder, "public"), { recursive: true });
  cpSync(join(projectRoot, "docs", "images"), join(pagesFolder, "images"), { recursive: true });
  const readme = readFileSync(join(projectRoot, "README.md"), "utf8");
  const [program] = /^```ts\n.*?^```$/ms.exec(readme) ?? [];
  if (program === undefined) throw new Error("the README has no program");
  const home = readFileSync(join(siteRoot, "home.md"), "utf8");
  writePage(
    "index.md",
    home.replace("<!-- quick start -->", () => program),
  );
}

function writePage(page: string, text: string): void {
  const path = join(pagesFolder, page);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function exampleOf(path: string, source: string): string {
  const name = path.replace(/^examples\//, "").replace(/\.ts$/, "");
  return `# ${name}\n\n\`${path}\`\n\n\`\`\`\`ts\n${source}\`\`\`\`\n`;
}

/** The text with its links between files as links between pages; images stay as they are. */
function withLinks(path: string, text: string): string {
  return text
    .split(/(^```.*?^```$|`[^`\n]+`)/ms)
    .map((part, index) => (index % 2 === 1 ? part : linked(path, part)))
    .join("");
}

function linked(path: string, prose: string): string {
  return prose.replaceAll(
    /(?<!!)\[([^\]]*)\]\((?![a-z]+:|#)([^)#\s]+)/g,
    (_link, text: string, target: string) => {
      const file = posix.join(posix.dirname(path), target);
      const page = pages.get(file);
      if (page === undefined) throw new Error(`${path} links to ${file}, which is no page`);
      // On the site a page is known by its title.
      return `[${text === file ? titleOf(file) : text}](/${page}`;
    },
  );
}

/** The first heading of a document. */
export function titleOf(path: string): string {
  const text = readFileSync(join(projectRoot, path), "utf8");
  return /^# (.*)$/m.exec(text)?.[1] ?? path;
}
