// Builds dist/: the ES modules that Node.js and bundlers load, a CommonJS bundle for loaders that
// can't require ES modules (Jest), and the types of both.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire, isBuiltin } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const dist = join(root, "dist");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const entries = ["index", "actor", "inspector", "keyv", "nats", "redis", "testing"];

/** One tree of declarations, in CommonJS' format: what both formats can import. */
function types() {
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const args = [tsc, "-p", join(root, "tsconfig.build.json")];
  execFileSync(process.execPath, args, { stdio: "inherit" });
  const folder = join(dist, "types");
  const reached = new Set();
  const visit = (path) => {
    if (reached.has(path)) return;
    reached.add(path);
    const text = readFileSync(path, "utf8");
    for (const [, file] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)\.js"/g))
      visit(join(dirname(path), `${file}.d.ts`));
  };
  for (const name of entries) visit(join(folder, `${name}.d.ts`));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && !reached.has(path)) rmSync(path);
  }
  writeFileSync(join(folder, "package.json"), `{ "type": "commonjs" }\n`);
  for (const name of entries)
    writeFileSync(join(dist, `${name}.d.ts`), `export * from "./types/${name}.js";\n`);
}

const packages = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
/**
 * Dependencies whose code is in dist/ all the same: nact requires "assert", which esbuild can't put
 * into a user's ES module bundle; p-retry can't be required; @opentelemetry/api and
 * @msgpack/msgpack are many small files, which took half of the time of an import. Copies of
 * @opentelemetry/api share their providers through a global symbol. All stay dependencies, so that
 * `npm audit` and lists of licenses see them.
 */
const bundled = ["@msgpack/msgpack", "@opentelemetry/api", "nact", "p-retry"];

function options() {
  return {
    absWorkingDir: root,
    bundle: true,
    platform: "node",
    target: "node20.19",
    external: packages.filter((name) => !bundled.includes(name)),
    define: { packageVersionAtBuild: JSON.stringify(manifest.version) },
    legalComments: "none",
    logLevel: "warning",
  };
}

function modules() {
  return build({
    ...options(),
    entryPoints: [
      ...[...entries, "cli"].map((name) => ({ in: `src/${name}.ts`, out: name })),
      { in: "src/handler/threads/thread-main.ts", out: "thread-main" },
    ],
    outdir: dist,
    format: "esm",
    splitting: true,
    metafile: true,
    plugins: [builtins],
  });
}

/** All entries in one bundle, so that they share one copy of everything. */
async function commonJs() {
  const contents = entries.map((name) => `export * as ${name} from "./src/${name}.js";`).join("\n");
  await build({
    ...options(),
    stdin: { contents, resolveDir: root },
    outfile: join(dist, "bundle.cjs"),
    format: "cjs",
    supported: { "dynamic-import": false },
    banner: { js: `const moduleUrl = require("node:url").pathToFileURL(__filename).href;` },
    define: { ...options().define, "import.meta.url": "moduleUrl" },
  });
  for (const name of entries)
    writeFileSync(join(dist, `${name}.cjs`), `module.exports = require("./bundle.cjs").${name};\n`);
}

/**
 * The inspector's page: what a browser loads, in one script and one style sheet. `npm run
 * build:page` builds it alone, for programs that run from the sources.
 */
function page() {
  const source = join(root, "src", "inspector-page");
  const outdir = join(dist, "inspector");
  mkdirSync(outdir, { recursive: true });
  for (const file of ["index.html", "login.html", "icon.svg"])
    copyFileSync(join(source, file), join(outdir, file));
  // A page without a script says by being another one that the token was wrong.
  const login = readFileSync(join(source, "login.html"), "utf8");
  const refused = login.replace("<!-- refused -->", `<p class="bad" role="alert">Wrong token.</p>`);
  writeFileSync(join(outdir, "login-refused.html"), refused);
  return build({
    absWorkingDir: root,
    entryPoints: [
      { in: join(source, "main.tsx"), out: "page" },
      { in: join(source, "page.css"), out: "page" },
    ],
    outdir,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    tsconfig: join(source, "tsconfig.json"),
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
}

/** An ES module has no `require`: what is bundled gets the built-in modules from the process. */
const builtins = {
  name: "builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[a-z:_/]+$/ }, ({ kind, path }) =>
      kind === "require-call" && isBuiltin(path) ? { path, namespace: "builtin" } : undefined,
    );
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
    }));
  },
};

/** The licenses of what is bundled. */
function licenses(...inputs) {
  const folders = inputs
    .flatMap((each) => Object.keys(each))
    .map((path) => /^node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0])
    .filter((folder) => folder !== undefined);
  const texts = [...new Set(folders)].sort().map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    return `${name} ${version}\n\n${readFileSync(join(root, folder, file), "utf8").trim()}\n`;
  });
  writeFileSync(join(dist, "LICENSES.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
}

if (process.argv.includes("--page")) await page();
else {
  rmSync(dist, { recursive: true, force: true });
  types();
  const { metafile } = await modules();
  await commonJs();
  const { metafile: ofPage } = await page();
  licenses(metafile.inputs, ofPage.inputs);
}
