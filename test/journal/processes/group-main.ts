/** One process that writes, and takes part in a cluster group: configured by its environment. */
import { serve } from "../../cluster/processes/remote-process.js";
import { GroupNode } from "./group-node.js";

await serve(GroupNode.start);
