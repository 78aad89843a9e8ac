import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { waitFor } from "../../src/testing/wait-for.js";
import { Child } from "../helpers/brokers/process.js";
import { projectRoot } from "../helpers/project-root.js";

interface Running {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly command: string;
}

function running(): Running[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
        // The state and the numbers follow the name, which is in brackets and may hold anything.
        const [, state, parent, group] = /.*\) (\w) (\d+) (\d+)/s.exec(stat) ?? [];
        const command = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
        if (state === "Z") return [];
        return { pid: Number(pid), parent: Number(parent), group: Number(group), command };
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

test("Jest, and all that it has started, end when stress is stopped by a signal", async () => {
  const args = ["--import", "tsx", "test/stress/main.ts", "--load=0", "test/soak.test.ts"];
  const stress = new Child(process.execPath, args, projectRoot);
  try {
    const limit = { timeout: 20_000 };
    const npm = await waitFor(
      () =>
        running().find(({ parent, command }) => parent === stress.pid && command.startsWith("npm")),
      limit,
    );
    await waitFor(() => running().some(({ parent }) => parent === npm.pid), limit);
    stress.signal("SIGTERM");
    await stress.exited;
    await waitFor(
      () => !running().some(({ pid, group }) => pid === npm.pid || group === npm.pid),
      limit,
    );
    expect(stress.running).toBe(false);
  } finally {
    await stress.kill();
  }
});
