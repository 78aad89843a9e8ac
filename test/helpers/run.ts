import { spawn } from "node:child_process";
import { projectRoot } from "./project-root.js";

export interface RunResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** Runs a program to its end, whatever its exit status, and gives what it printed. */
export function run(
  command: string,
  args: readonly string[],
  { cwd = projectRoot, env = process.env }: RunOptions = {},
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    child.on("error", reject);
    child.on("close", (status) => {
      resolve({ status, stdout, stderr });
    });
  });
}

/** As `run`, but an exit status other than 0 rejects with all that was printed. */
export async function runOk(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(command, args, options);
  if (status !== 0) {
    const line = [command, ...args].join(" ");
    throw new Error(`"${line}" ended with status ${String(status)}\n${stdout}\n${stderr}`);
  }
  return stdout;
}
