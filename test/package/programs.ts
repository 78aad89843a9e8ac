/** Uses every entry point but the brokers', and checks what a loader could get wrong. */
const body = `
const users = main.defineCache({ name: "users" });
const seen = [];
const spread = [];

async function work() {
  const tree = await actor.startSupervisor({
    strategy: "rest_for_one",
    children: [
      users,
      main.streamServer({ cache: users, partitions: 4 }),
      main.handlerPool({ cache: users, handler: ({ type, target }) => void seen.push(type + " " + target.key) }),
    ],
  });
  users.subscribe(({ metadata }) => void spread.push(metadata.partition), { partition: "all" });
  users.put("ada", 1);
  users.put("ada", 2);
  users.delete("ada");
  await main.whenIdle(users);
  const event = { target: { kind: "key", key: "ada" }, metadata: { partitions: 4 } };
  const hashed = spread.every((partition) => partition === main.defaultHash(event));
  const refused = await tree.stop().then(() => {
    try {
      main.streamServer({});
    } catch (error) {
      const names = [error.name, error.constructor.name].join();
      return error instanceof actor.OptionError && names === "OptionError,OptionError";
    }
  });
  const entries = [typeof redis.redisPubSub, typeof nats.natsPubSub, typeof testing.SimulatedClock, typeof inspector.inspector, typeof keyv.keyvAdapter];
  console.log(JSON.stringify({ seen, hashed, refused, entries, ...more }));
}
void work();
`;

const names = ["actor", "inspector", "keyv", "nats", "redis", "testing"];

/** What it prints. */
export const printed = {
  seen: ["inserted ada", "updated ada", "deleted ada"],
  hashed: true,
  refused: true,
  entries: ["function", "function", "function", "function", "function"],
};

/** By `import`; \`oneCopy\`: whether \`require()\` gives the same. */
export const esm = `import { createRequire } from "node:module";
import * as main from "nebulex-streams";
${names.map((name) => `import * as ${name} from "nebulex-streams/${name}";\n`).join("")}
const more = { oneCopy: createRequire(import.meta.url)("nebulex-streams").OptionError === main.OptionError };
${body}`;

/** By `require()`. */
export const cjs = `const main = require("nebulex-streams");
${names.map((name) => `const ${name} = require("nebulex-streams/${name}");\n`).join("")}
const more = {};
${body}`;

/** In TypeScript, for either format: exits that types don't fit are the compiler's. */
export const ts = `import { defineCache, handlerPool, OptionError, streamServer, whenIdle, type CacheEntryEvent } from "nebulex-streams";
import { startSupervisor, type Supervisor } from "nebulex-streams/actor";
import { inspector, type InspectorOptions } from "nebulex-streams/inspector";
import { natsPubSub, type NatsPubSubOptions } from "nebulex-streams/nats";
import { redisPubSub, type RedisPubSubOptions } from "nebulex-streams/redis";
import { SimulatedClock } from "nebulex-streams/testing";

const users = defineCache<string, number>({ name: "users" });
const seen: string[] = [];
const handler = ({ type, value }: CacheEntryEvent<string, number>): void => {
  seen.push(\`\${type} \${String(value)}\`);
};
const brokers: [(options: RedisPubSubOptions) => unknown, (options: NatsPubSubOptions) => unknown] = [redisPubSub, natsPubSub];
const look = (options: InspectorOptions): unknown => inspector(options);
// @ts-expect-error a cache of strings has no entry of a number
const misuse = (): unknown => users.put(1, 2);

async function work(): Promise<void> {
  const tree: Supervisor = await startSupervisor({
    strategy: "rest_for_one",
    children: [users, streamServer({ cache: users, include: ["value"] }), handlerPool({ cache: users, handler })],
  });
  users.put("ada", 1);
  await whenIdle(users);
  await tree.stop();
  let refused = false;
  try {
    streamServer({ cache: users, partitions: -1 });
  } catch (error) {
    refused = error instanceof OptionError && error.name === "OptionError";
  }
  console.log(JSON.stringify({ seen, refused, others: [...brokers, SimulatedClock, misuse, look].map((it) => typeof it) }));
}
void work();
`;

/** What the TypeScript program prints. */
export const printedByTs = {
  seen: ["inserted 1"],
  refused: true,
  others: ["function", "function", "function", "function", "function"],
};
