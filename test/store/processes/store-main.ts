/** One process that writes to a shared store, and reads from it: configured by its environment. */
import { serve } from "../../cluster/processes/remote-process.js";
import { StoreNode } from "./store-node.js";

await serve(StoreNode.start);
