import { faultSuite } from "./fault-suite.js";

faultSuite("redis", ["b", "c", "d", "f", "g"]);
