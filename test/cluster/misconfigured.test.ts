import { describe, expect, test } from "@jest/globals";
import { parseCommand } from "../../src/cli/arguments.js";
import { doctor } from "../../src/cli/doctor.js";
import {
  type ChildSpec,
  createHub,
  createSystem,
  defineCache,
  invalidator,
  localPubSub,
  startSupervisor,
  streamServer,
} from "../../src/index.js";
import { natsPubSub } from "../../src/nats.js";
import { redisPubSub } from "../../src/redis.js";
import { failure } from "../helpers/actors.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { Certificate } from "../helpers/brokers/certificate.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats, startRedis } from "../helpers/brokers/servers.js";
import { recordWarnings } from "../helpers/warnings.js";
import { thrown } from "../pubsub/transports.js";

const warnings = recordWarnings();

let systems = 0;
const startTree = (children: Parameters<typeof startSupervisor>[0]["children"]) =>
  startSupervisor({
    system: createSystem({ name: `misconfigured-${++systems}` }),
    strategy: "rest_for_one",
    children,
  });

describe("a pubsub that has not been started", () => {
  test.each([
    ["is not in the children list", false, { hub: createHub() }],
    ["stands behind the stream server", true, { hub: createHub() }],
    ["is not in the children list, and keeps to itself", false, {}],
  ])("%s: the stream server does not start", async (_, behind, options) => {
    const pubsub = localPubSub({ nodeName: "a", ...options });
    const cache = defineCache({ name: "forgotten" });
    const server = streamServer({ cache, pubsub });
    const error = await failure(startTree(behind ? [cache, server, pubsub] : [cache, server]));
    expect((error as Error).cause).toMatchObject({
      name: "PubSubError",
      reason: "not_started",
      node: "a",
      message: expect.stringContaining("is it in the children list?"),
    });
  });
});

test("a client of ioredis is refused", () => {
  // What its clients have in common with those of node-redis, and what differs.
  const client = {
    status: "ready",
    options: { password: "s3cret" },
    duplicate: () => client,
    sendCommand: () => {},
    connect: () => Promise.resolve(),
  };
  const error = thrown(() => redisPubSub({ client }));
  expect(error).toMatchObject({ name: "OptionError", option: "client" });
  expect(String(error)).toContain("expected a client of node-redis");
  expect(String(error)).toContain("got: a client of ioredis");
});

describe("an invalidator on a stream without a pubsub", () => {
  test.each([
    ["remote", 1],
    ["all", 0],
    ["local", 0],
  ] as const)("of scope %s: warnings: %s", async (eventScope, count) => {
    const cache = defineCache({ name: `lonely-${eventScope}` });
    await using _ = await startTree([
      cache,
      streamServer({ cache }),
      invalidator({ cache, eventScope }),
    ]);
    expect(
      warnings.filter((text) => text.includes("has neither a pubsub nor a journal")),
    ).toHaveLength(count);
  });
});

async function named(
  broker: Broker,
  option: "--redis" | "--nats",
  url: string,
  pubsub: { childSpec(): ChildSpec },
): Promise<string[]> {
  await using _ = await startTree([pubsub]);
  const warned = warnings.join();
  const command = parseCommand(
    `doctor ${option} ${url} --cache users --heartbeat 2000 --timeout 1000`.split(" "),
  );
  if (command.kind !== "doctor") throw new Error("no doctor");
  let said = "";
  await doctor(command.options, {
    write: (text: string) => void (said += text),
    say: () => {},
    signal: new AbortController().signal,
  } as never);
  expect(broker.running).toBe(true);
  return [warned, said];
}

describeWith("redis-server")("a certificate of Redis that is not trusted", () => {
  test("is named in the warning and by doctor", async () => {
    await using broker = await startRedis({ tls: new Certificate(), password: "s3cret" });
    const url = `rediss://:s3cret@localhost:${broker.port}`;
    const said = await named(broker, "--redis", url, redisPubSub({ url }));
    for (const text of said) {
      expect(text).toContain("self-signed certificate");
      expect(text).not.toContain("s3cret");
    }
  });
});

describeWith("nats-server")("a certificate of NATS that is not trusted", () => {
  test("is named in the warning and by doctor", async () => {
    await using broker = await startNats({ tls: new Certificate() });
    const servers = `tls://ann:s3cret@localhost:${broker.port}`;
    const said = await named(broker, "--nats", servers, natsPubSub({ servers }));
    for (const text of said) {
      expect(text).toContain("self-signed certificate");
      expect(text).not.toContain("s3cret");
    }
  });
});
