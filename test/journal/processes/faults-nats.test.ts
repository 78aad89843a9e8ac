import { faultSuite } from "./fault-suite.js";

faultSuite("nats", ["b", "c", "d", "f", "g"]);
