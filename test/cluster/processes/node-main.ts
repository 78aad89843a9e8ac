/** One process of a cluster: configured by its environment, controlled by its parent. */
import { ClusterNode } from "./cluster-node.js";
import { serve } from "./remote-process.js";

await serve(ClusterNode.start);
