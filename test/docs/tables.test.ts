import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import * as main from "nebulex-streams";
import * as keyv from "nebulex-streams/keyv";
import * as nats from "nebulex-streams/nats";
import * as redis from "nebulex-streams/redis";
import * as testing from "nebulex-streams/testing";
import { codeOf, documentAt, rowsOf } from "../helpers/documents.js";
import { projectRoot } from "../helpers/project-root.js";

const exported: Record<string, unknown> = { ...testing, ...redis, ...nats, ...keyv, ...main };
const errorFiles = readdirSync(join(projectRoot, "src", "errors")).map((name) =>
  join("errors", name),
);
const errors = ["errors.ts", ...errorFiles]
  .map((path) => readFileSync(join(projectRoot, "src", path), "utf8"))
  .join("\n");
const isError = (value: unknown): boolean =>
  typeof value === "function" && value.prototype instanceof main.NebulexError;

test("docs/errors.md lists every error class with its code", () => {
  const rows = rowsOf(documentAt("docs/errors.md"));
  const listed = rows.slice(1).map(([name]) => codeOf(name)[0] ?? "");
  const classes = Object.keys(exported).filter((name) => isError(exported[name]));
  expect(new Set(listed)).toEqual(new Set(classes));
  for (const [name, code] of rows.slice(1)) {
    const [, body = ""] = errors.split(`export class ${codeOf(name)[0] ?? ""} `);
    expect(body.slice(0, body.indexOf("constructor("))).toContain(
      `code = "${codeOf(code)[0] ?? ""}"`,
    );
  }
});

test("docs/api.md lists every function of the package, and none that it does not have", () => {
  const names = rowsOf(documentAt("docs/api.md"))
    .flatMap(([code]) => codeOf(code))
    .map((code) => /^(\w+)(?=$|[(<])/.exec(code)?.[1] ?? "");
  const values = Object.keys({ ...redis, ...nats, ...keyv, ...main }).filter(
    (name) => !isError(exported[name]) && name !== "NebulexError",
  );
  expect(values.filter((name) => !names.includes(name))).toEqual([]);
});
