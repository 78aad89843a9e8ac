import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { outerEnv } from "../helpers/packed.mjs";
import { projectRoot } from "../helpers/project-root.js";
import { runOk } from "../helpers/run.js";
import { packed } from "./project.js";

const entries = ["index", "actor", "inspector", "keyv", "nats", "redis", "testing"];

async function contents(): Promise<string[]> {
  const args = ["pack", packed.tarball, "--dry-run", "--json"];
  const report = JSON.parse(await runOk("npm", args, { env: outerEnv() })) as unknown;
  // A list, or since npm 11 an object by name.
  const [first] = Object.values(report as object) as { files: { path: string }[] }[];
  return (first?.files ?? []).map(({ path }) => path).sort();
}

const tracked = async (...folders: string[]): Promise<string[]> =>
  (await runOk("git", ["ls-files", ...folders])).trim().split("\n");

test("the package has what its users need, and nothing else", async () => {
  const files = await contents();
  const built = files.filter((path) => path.startsWith("dist/"));
  const types = built.filter((path) => path.startsWith("dist/types/"));
  const chunks = built.filter((path) => /^dist\/[\w-]+-[A-Z0-9]{8}\.js$/.test(path));
  expect(built.filter((path) => !types.includes(path) && !chunks.includes(path))).toEqual(
    [
      ...entries.flatMap((name) => [`dist/${name}.js`, `dist/${name}.d.ts`, `dist/${name}.cjs`]),
      "dist/bundle.cjs",
      "dist/cli.js",
      "dist/thread-main.js",
      ...["icon.svg", "index.html", "login-refused.html", "login.html", "page.css", "page.js"].map(
        (name) => `dist/inspector/${name}`,
      ),
      "dist/LICENSES.txt",
    ].sort(),
  );
  expect(types.filter((path) => !path.endsWith(".d.ts"))).toEqual(["dist/types/package.json"]);
  const documents = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];
  const guides = await tracked("docs", ":!docs/site", "examples");
  const others = [...documents, ...guides];
  expect(files.filter((path) => !path.startsWith("dist/"))).toEqual(others.sort());
});

test("each relative link in its documents leads to a file or a folder of it", async () => {
  const files = await contents();
  const folders = files.flatMap((path) => {
    const parts = dirname(path).split("/");
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  });
  const goals = new Set([...files, ...folders]);
  const broken = files
    .filter((path) => path.endsWith(".md"))
    .flatMap((path) => {
      const text = readFileSync(join(projectRoot, path), "utf8").replaceAll(/```.*?```/gs, "");
      return Array.from(text.matchAll(/\]\(([^)\s#]+)/g), ([, to = ""]) => ({ path, to }));
    })
    .filter(({ to }) => !/^[a-z]+:/.test(to))
    .filter(({ path, to }) => !goals.has(join(dirname(path), to).replace(/\/$/, "")));
  expect(broken).toEqual([]);
});

test("each chunk and each declaration is used", async () => {
  const files = await contents();
  const text = async (path: string): Promise<string> =>
    readFileSync(join(projectRoot, path), "utf8");
  const used = new Set<string>();
  const visit = async (path: string): Promise<void> => {
    if (used.has(path)) return;
    used.add(path);
    const specifiers = (await text(path)).matchAll(/(?:from|import|import\()\s*"(\.[^"]+)"/g);
    for (const [, file = ""] of specifiers) {
      const found = join(path, "..", file);
      await visit(path.endsWith(".d.ts") ? found.replace(/\.js$/, ".d.ts") : found);
    }
  };
  for (const name of [...entries, "cli", "thread-main", "inspector/page"])
    await visit(`dist/${name}.js`);
  for (const name of entries) await visit(`dist/${name}.d.ts`);
  const code = files.filter((path) => /^dist\/.*(?:\.js|\.d\.ts)$/.test(path));
  expect(code.filter((path) => !used.has(path))).toEqual([]);
});
