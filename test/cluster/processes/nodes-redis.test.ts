import { nodeSuite } from "./node-suite.js";

nodeSuite("redis");
