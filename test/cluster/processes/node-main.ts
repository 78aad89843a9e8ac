/** One process of a cluster: configured by its environment, controlled by its parent. */
import { ClusterNode } from "./cluster-node.js";
import { type Answer, type Call, configVariable, type NodeConfig } from "./protocol.js";

const send = (answer: Answer): void => void process.send?.(answer);

// It ends with its parent.
process.on("disconnect", () => process.exit());

const config = JSON.parse(process.env[configVariable] ?? "") as NodeConfig;
const node = await ClusterNode.start(config);

process.on("message", (message) => {
  const { id, method, args } = message as Call;
  void answer(id, method, args);
});
send({ kind: "ready" });

async function answer(id: number, method: Call["method"], args: Call["args"]): Promise<void> {
  try {
    const does = node[method] as (...args: unknown[]) => unknown;
    send({ kind: "result", id, value: await does.apply(node, [...args]) });
  } catch (error) {
    send({ kind: "failure", id, error: String(error) });
  }
}
