import type { RedisScript } from "../journal/redis-script.js";
import * as bulk from "./redis-bulk-scripts.js";
import * as flights from "./redis-flight-scripts.js";
import * as store from "./redis-store-scripts.js";

const isScript = (value: unknown): value is RedisScript =>
  typeof value === "object" && value !== null && "sha" in value;

/** All scripts of a shared store: each server is sent them before they are run. @internal */
export const allScripts: readonly RedisScript[] = [
  ...Object.values(store),
  ...Object.values(bulk),
  ...Object.values(flights),
].filter(isScript);
