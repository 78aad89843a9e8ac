import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, posix } from "node:path";
import ts from "typescript";

/** One source file, its path relative to src with "/" between its parts. */
export interface Module {
  path: string;
  source: string;
  /** Paths of the source files that it imports or re-exports from, types included. */
  files: string[];
  /** Those of them that are still imported at run time, when the types are gone. */
  loads: string[];
  /** Names of the third-party packages that it imports, types included. */
  packages: string[];
  exportsEverything: boolean;
  /** Timers, clocks and random numbers that it takes from the global object, or from the modules that have them. */
  timeGlobals: string[];
}

/** Every TypeScript file below a folder. */
export function readModules(folder: string): Module[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => /\.tsx?$/.test(name))
    .sort()
    .map((name) => parseModule(name, readFileSync(join(folder, name), "utf8")));
}

export function parseModule(path: string, source: string): Module {
  const files = new Set<string>();
  const loads = new Set<string>();
  const packages = new Set<string>();
  const used = new Set<string>();
  const imported = new Set<string>();
  let exportsEverything = false;

  const add = (specifier: string, typeOnly: boolean): void => {
    if (specifier.startsWith(".")) {
      const file = posix.join(posix.dirname(path), specifier).replace(/\.js$/, ".ts");
      files.add(file);
      if (!typeOnly) loads.add(file);
    } else if (!isBuiltin(specifier)) {
      packages.add(packageOf(specifier));
    }
  };

  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier !== undefined) add(specifier, isTypeOnly(node));
    if (ts.isImportSpecifier(node)) imported.add(node.name.text);
    const fakeable = fakeableOf(node);
    if (fakeable !== undefined) used.add(fakeable);
    if (ts.isExportDeclaration(node)) {
      const clause = node.exportClause;
      exportsEverything ||= clause === undefined || ts.isNamespaceExport(clause);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, source, ts.ScriptTarget.ES2022, true));
  return {
    path,
    source,
    files: [...files],
    loads: [...loads],
    packages: [...packages],
    exportsEverything,
    timeGlobals: [...used].filter((name) => !imported.has(name)),
  };
}

const fakeableNames =
  /^(?:(?:set|clear)(?:Timeout|Interval|Immediate)|queueMicrotask|performance)$/;
const fakeableMembers =
  /^(?:globalThis\.\w+|Date\.now|Math\.random|process\.(?:nextTick|hrtime)|AbortSignal\.timeout)$/;
const timeBuiltins = /^(?:node:)?(?:timers|timers\/promises|perf_hooks)$/;

/** What a node takes that a test framework may have faked. */
function fakeableOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node)) {
    const specifier = textOf(node.moduleSpecifier);
    return specifier !== undefined && timeBuiltins.test(specifier) ? specifier : undefined;
  }
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText();
    return fakeableMembers.test(text) ? text : undefined;
  }
  if (ts.isNewExpression(node) && node.getText() === "new Date()") return "new Date()";
  if (!ts.isIdentifier(node) || !fakeableNames.test(node.text)) return undefined;
  const { parent } = node;
  // The name of a member is no use of the global.
  const isValue =
    ts.isShorthandPropertyAssignment(parent) || !("name" in parent && parent.name === node);
  return isValue ? node.text : undefined;
}

// `import { type A }` is not: verbatimModuleSyntax leaves an import of the file behind.
function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportDeclaration(node)) return node.importClause?.isTypeOnly === true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  return ts.isImportTypeNode(node);
}

function specifierOf(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (ts.isExportDeclaration(node)) return textOf(node.moduleSpecifier);
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return textOf(node.argument.literal);
  }
  if (ts.isCallExpression(node) && isLoading(node.expression)) return textOf(node.arguments[0]);
  // A worker thread's program: new URL("./worker.js", import.meta.url)
  if (ts.isNewExpression(node) && node.expression.getText() === "URL") {
    const [first, base] = node.arguments ?? [];
    const text = textOf(first);
    if (base?.getText() === "import.meta.url" && text?.endsWith(".js") === true) return text;
  }
  return undefined;
}

function isLoading(callee: ts.Expression): boolean {
  const text = callee.getText();
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword ||
    text === "require" ||
    text === "require.resolve" ||
    text === "import.meta.resolve"
  );
}

function textOf(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}

function packageOf(specifier: string): string {
  const parts = specifier.split("/");
  return parts.slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}
