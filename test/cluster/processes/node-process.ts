import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { projectRoot } from "../../helpers/project-root.js";
import {
  type Answer,
  type Call,
  configVariable,
  type NodeApi,
  type NodeConfig,
} from "./protocol.js";

const program = fileURLToPath(new URL("./node-main.ts", import.meta.url));

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A process of a cluster, as its parent sees it. It ends with its parent. To be disposed. */
export class NodeProcess implements AsyncDisposable {
  readonly config: NodeConfig;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #output = "";

  private constructor(config: NodeConfig) {
    this.config = config;
    this.#child = fork(program, {
      cwd: projectRoot,
      execArgv: ["--import", "tsx"],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: { ...process.env, [configVariable]: JSON.stringify(config) },
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#child.on("message", (message) => this.#answered(message as Answer));
    this.#exited = once(this.#child, "close").then(() => this.#ended());
  }

  /**
   * Settles when it is running.
   *
   * @throws (as a rejection) with what it printed, when it ends instead
   */
  static async start(config: NodeConfig): Promise<NodeProcess> {
    const started = new NodeProcess(config);
    await new Promise<unknown>((resolve, reject) => started.#waiting.set(0, { resolve, reject }));
    return started;
  }

  get name(): string {
    return this.config.node;
  }

  /** What it has printed to stderr. */
  get output(): string {
    return this.#output;
  }

  call<M extends keyof NodeApi>(
    method: M,
    ...args: Parameters<NodeApi[M]>
  ): Promise<Awaited<ReturnType<NodeApi[M]>>> {
    const id = ++this.#calls;
    const call: Call = { id, method, args };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#child.send(call, (error) => error && reject(error));
    });
  }

  /** Sends SIGKILL. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.call("stop");
    await this.kill();
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
