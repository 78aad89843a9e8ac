import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

export interface ChildOptions {
  /** It leads a process group, which ends with it: for one that starts others. */
  readonly group?: boolean;
  /** Where its standard error goes, beside `output`. Default: nowhere. */
  readonly stderr?: NodeJS.WritableStream;
}

/** A child process that never outlives this one, however this one ends. */
export class Child {
  /** Settles when it has ended, with its status. */
  readonly exited: Promise<number | null>;
  readonly pid: number;
  /** What signals are sent to: the process, or its group. */
  readonly #target: number;
  readonly #process: ChildProcess;
  readonly #guard: ChildProcess;
  #output = "";

  constructor(
    command: string,
    args: readonly string[],
    cwd: string,
    { group = false, stderr: errors }: ChildOptions = {},
  ) {
    const stdio: StdioOptions = ["ignore", "pipe", "pipe"];
    this.#process = spawn(command, args, { cwd, stdio, detached: group });
    const { pid, stdout, stderr } = this.#process;
    if (pid === undefined) throw new Error(`could not start ${command}`);
    this.pid = pid;
    this.#target = group ? -pid : pid;
    for (const stream of [stdout, stderr])
      stream?.setEncoding("utf8").on("data", (chunk: string) => (this.#output += chunk));
    if (errors !== undefined) stderr?.pipe(errors, { end: false });
    // Its input ends with this process, also when that is killed; then it kills the child.
    this.#guard = spawn("sh", ["-c", `read -r _; kill -9 ${this.#target}`], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#guard.stdin?.on("error", () => {});
    this.exited = once(this.#process, "exit").then(([status]) => {
      this.#guard.kill("SIGKILL");
      return status as number | null;
    });
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Whether all its threads have stopped (SIGSTOP); a signal takes effect some time after it is sent. */
  get stopped(): boolean {
    const tasks = `/proc/${this.#process.pid}/task`;
    // The state follows the name, which is in brackets and may hold anything.
    const stateOf = (task: string): string | undefined =>
      /.*\) (\w)/s.exec(readFileSync(`${tasks}/${task}/stat`, "latin1"))?.[1];
    try {
      return readdirSync(tasks).every((task) => stateOf(task) === "T");
    } catch {
      // A thread has ended meanwhile.
      return false;
    }
  }

  /** What it has printed. */
  get output(): string {
    return this.#output;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) process.kill(this.#target, signal);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.exited;
  }
}
