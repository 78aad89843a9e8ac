import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** A child process that never outlives this one, however this one ends. */
export class Child {
  readonly #process: ChildProcess;
  readonly #guard: ChildProcess;
  readonly #exited: Promise<unknown>;
  #output = "";

  constructor(command: string, args: readonly string[], cwd: string) {
    this.#process = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    const { pid, stdout, stderr } = this.#process;
    if (pid === undefined) throw new Error(`could not start ${command}`);
    for (const stream of [stdout, stderr])
      stream?.setEncoding("utf8").on("data", (chunk: string) => (this.#output += chunk));
    // Its input ends with this process, also when that is killed; then it kills the child.
    this.#guard = spawn("sh", ["-c", `read -r _; kill -9 ${pid}`], {
      stdio: ["pipe", "ignore", "ignore"],
      detached: true,
    });
    this.#guard.stdin?.on("error", () => {});
    this.#exited = once(this.#process, "exit").then(() => this.#guard.kill("SIGKILL"));
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
    this.#process.kill(signal);
  }

  async kill(): Promise<void> {
    if (this.running) this.signal("SIGKILL");
    await this.#exited;
  }
}
