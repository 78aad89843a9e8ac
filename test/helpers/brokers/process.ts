import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

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
