import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { expectedOutput } from "./expected-output.js";
import { projectRoot } from "./project-root.js";

/** A text for users, its path relative to the project, with "/" between its parts. */
export interface Document {
  path: string;
  text: string;
}

/** A fenced TypeScript block of a document. */
export interface Snippet {
  document: string;
  /** The heading that it stands under. */
  title: string;
  source: string;
  /** What it prints, from the `// => ` lines at its end; empty where it is only compiled. */
  expected: string[];
}

/** README, CHANGELOG and every page of docs/. */
export const documents: Document[] = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(join(projectRoot, "docs"))
    .filter((name) => name.endsWith(".md"))
    .sort()
    .map((name) => `docs/${name}`),
].map((path) => ({ path, text: readFileSync(join(projectRoot, path), "utf8") }));

export function documentAt(path: string): Document {
  const found = documents.find((document) => document.path === path);
  if (found === undefined) throw new Error(`there is no ${path}`);
  return found;
}

export function snippetsOf({ path, text }: Document): Snippet[] {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ 1: source = "", index }) => {
    const [, title = ""] = text.slice(0, index).match(/.*^#+ (.*?)$/ms) ?? [];
    return { document: path, title, source, expected: expectedOutput(source) };
  });
}

/** The rows of every table of a document: the texts of their cells. */
export function rowsOf({ text }: Document): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| -"))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf("|"))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}

/** The texts in backquotes of a cell. */
export const codeOf = (cell = ""): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? "");

/** The relative links of a document, as paths relative to the project, with the heading that they name. */
export function linksOf({ path, text }: Document): { file: string; anchor: string }[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, "").replaceAll(/`[^`\n]*`/g, "");
  return [...prose.matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(
    ([, file = "", anchor = ""]) => ({
      file: file === "" ? path : posix.join(posix.dirname(path), file),
      anchor,
    }),
  );
}

/** The anchors that GitHub gives the headings of a document. */
export function anchorsOf({ text }: Document): string[] {
  const prose = text.replaceAll(/^```.*?^```$/gms, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
