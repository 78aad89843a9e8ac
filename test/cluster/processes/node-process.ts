import { fileURLToPath } from "node:url";
import type { NodeApi, NodeConfig } from "./protocol.js";
import { RemoteProcess } from "./remote-process.js";

const program = fileURLToPath(new URL("./node-main.ts", import.meta.url));

/** A process of a cluster, as its parent sees it. It ends with its parent. To be disposed. */
export class NodeProcess extends RemoteProcess<NodeApi> {
  readonly config: NodeConfig;

  private constructor(config: NodeConfig) {
    super(config.node, program, config);
    this.config = config;
  }

  /**
   * Settles when it is running.
   *
   * @throws (as a rejection) with what it printed, when it ends instead
   */
  static start(config: NodeConfig): Promise<NodeProcess> {
    return new NodeProcess(config).ready();
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    await this.call("stop");
    await this.kill();
  }
}
