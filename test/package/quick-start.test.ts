import { readFileSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { expectedOutput } from "../helpers/expected-output.js";
import { outerEnv } from "../helpers/packed.mjs";
import { projectRoot } from "../helpers/project-root.js";
import { runOk } from "../helpers/run.js";
import { installing, packed } from "./project.js";

const readme = readFileSync(join(projectRoot, "README.md"), "utf8");
const section = (title: string): string =>
  readme.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, name]) => name === language)
    .map(([, , block = ""]) => block);

test(
  "the quick start of the README runs in a folder of npm init, by the commands of its Install section",
  async () => {
    const folder = await mkdtemp(join(packed.folder, "quick-start-"));
    const [program = ""] = blocks(section("Quick start"), "ts");
    await writeFile(join(folder, "quick-start.mts"), program);
    const shell = (line: string): Promise<string> =>
      runOk("sh", ["-c", line], { cwd: folder, env: outerEnv() });
    await shell("npm init -y");
    const lines = blocks(section("Install"), "sh").flatMap((block) => block.trim().split("\n"));
    expect(lines[0]).toBe("npm install nebulex-streams");
    let printed = "";
    for (const line of lines)
      printed = await shell(line.replace(/ nebulex-streams$/, ` "${packed.tarball}"`));
    expect(printed.trimEnd().split("\n")).toEqual(expectedOutput(program));
  },
  installing,
);
