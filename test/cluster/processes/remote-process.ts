import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { compiled } from "../../helpers/compiled.js";
import { projectRoot } from "../../helpers/project-root.js";

/** A call of a method of what runs in another process. */
export interface Call {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly error: string };

/** The environment variable with what a process is started with. */
const configVariable = "CLUSTER_NODE";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/* eslint-disable @typescript-eslint/no-explicit-any */
/** The methods of an object that can be called from another process. */
export type Methods<Api> = { [M in keyof Api]: (...args: any[]) => unknown };

/** A process with an object whose methods its parent calls. It ends with its parent. To be disposed. */
export class RemoteProcess<Api extends Methods<Api>> implements AsyncDisposable {
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<number, Waiting>();
  readonly #ready: Promise<unknown>;
  #calls = 0;
  #output = "";

  constructor(name: string, program: string, config: object) {
    this.name = name;
    const { path, execArgv } = compiled(program);
    this.#child = fork(path, {
      cwd: projectRoot,
      execArgv: [...execArgv],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: { ...process.env, [configVariable]: JSON.stringify(config) },
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#child.on("message", (message) => this.#answered(message as Answer));
    this.#exited = once(this.#child, "close").then(() => this.#ended());
    this.#ready = new Promise((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
  }

  /**
   * Settles when it is running.
   *
   * @throws (as a rejection) with what it printed, when it ends instead
   */
  async ready(): Promise<this> {
    await this.#ready;
    return this;
  }

  /** What it has printed to stderr. */
  get output(): string {
    return this.#output;
  }

  call<M extends keyof Api & string>(
    method: M,
    ...args: Parameters<Api[M]>
  ): Promise<Awaited<ReturnType<Api[M]>>> {
    const id = ++this.#calls;
    const call: Call = { id, method, args };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send(call, (error) => error && reject(error));
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends SIGKILL. */
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }

  #answered(answer: Answer): void {
    const id = answer.kind === "ready" ? 0 : answer.id;
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (answer.kind === "failure") waiting?.reject(new Error(`${this.name}: ${answer.error}`));
    else waiting?.resolve(answer.kind === "ready" ? undefined : answer.value);
  }

  #ended(): void {
    const { exitCode, signalCode } = this.#child;
    const how = exitCode ?? signalCode;
    for (const { reject } of this.#waiting.values())
      reject(new Error(`process ${this.name} ended (${how}):\n${this.#output}`));
    this.#waiting.clear();
  }
}

/** In the process: starts the object with its configuration, and answers the parent's calls. */
export async function serve<Config, Api extends Methods<Api>>(
  start: (config: Config) => Promise<Api>,
): Promise<void> {
  const send = (answer: Answer): void => void process.send?.(answer);
  // It ends with its parent.
  process.on("disconnect", () => process.exit());
  const served = await start(JSON.parse(process.env[configVariable] ?? "") as Config);
  process.on("message", (message) => {
    const { id, method, args } = message as Call;
    const answer = async (): Promise<void> => {
      try {
        const value = await served[method as keyof Api](...args);
        send({ kind: "result", id, value });
      } catch (error) {
        send({ kind: "failure", id, error: String(error) });
      }
    };
    void answer();
  });
  send({ kind: "ready" });
}
