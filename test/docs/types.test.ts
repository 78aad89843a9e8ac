import { basename, join } from "node:path";
import { expect, test } from "@jest/globals";
import ts from "typescript";
import { codeOf, documentAt, documents, rowsOf, snippetsOf } from "../helpers/documents.js";
import { projectRoot } from "../helpers/project-root.js";

const entries = ["index.ts", "redis.ts"].map((file) => join(projectRoot, "src", file));
/** Each TypeScript block as a file of docs/ that is on no disk. */
const snippets = new Map(
  documents
    .flatMap(snippetsOf)
    .map(({ document, source }, index) => [
      join(projectRoot, "docs", `${basename(document, ".md")}-${index}.mts`),
      source,
    ]),
);
const program = compile();
const checker = program.getTypeChecker();

test("every TypeScript block compiles", () => {
  const problems = [...snippets.keys()].flatMap((path) => {
    const file = program.getSourceFile(path);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
  });
  const host = ts.createCompilerHost({});
  expect(ts.formatDiagnostics(problems, host)).toBe("");
});

test("docs/options.md names options that there are", () => {
  const optionsOf: Record<string, string> = {
    actor: "ActorOptions",
    events: "SubscribeOptions",
    fetchOrStore: "FetchOptions",
    handlerPool: "HandlerPoolOptions",
    invalidator: "InvalidatorOptions",
    pools: "HandlerPoolOptions",
    pubsubs: "PubSubOptions",
    redisAdapter: "RedisAdapterOptions",
    storeAdapter: "StoreAdapterOptions",
    startSupervisor: "StartSupervisorOptions",
    streamServer: "StreamServerOptions",
    subscribe: "SubscribeOptions",
    supervisor: "SupervisorOptions",
    supervisors: "SupervisorOptions",
    workerPool: "WorkerPoolOptions",
  };
  const wrong = rowsOf(documentAt("docs/options.md"))
    .slice(1)
    .flatMap(([options, owners = ""]) =>
      owners
        .replaceAll("`", "")
        .split(", ")
        .flatMap((owner) =>
          codeOf(options)
            .filter((option) => !propertiesOf(optionsOf[owner] ?? owner).includes(option))
            .map((option) => `${owner}: ${option}`),
        ),
    );
  expect(wrong).toEqual([]);
});

function compile(): ts.Program {
  const path = join(projectRoot, "tsconfig.json");
  const { config } = ts.readConfigFile(path, ts.sys.readFile) as { config: unknown };
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, projectRoot, {}, path);
  // A program may end with the tree that it has started.
  const options = { ...parsed.options, noUnusedLocals: false };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (name) => snippets.has(name) || fileExists(name);
  host.readFile = (name) => snippets.get(name) ?? readFile(name);
  return ts.createProgram([...entries, ...snippets.keys()], options, host);
}

function propertiesOf(type: string): string[] {
  const symbol = entries
    .map((entry) => program.getSourceFile(entry))
    .map((file) => (file === undefined ? undefined : checker.getSymbolAtLocation(file)))
    .flatMap((module) => (module === undefined ? [] : checker.getExportsOfModule(module)))
    .find(({ name }) => name === type);
  if (symbol === undefined) throw new Error(`there is no type ${type}`);
  const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
  return checker
    .getDeclaredTypeOfSymbol(isAlias ? checker.getAliasedSymbol(symbol) : symbol)
    .getProperties()
    .map(({ name }) => name);
}
