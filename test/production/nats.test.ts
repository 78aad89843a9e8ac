import { expect, test } from "@jest/globals";
import { credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";
import { natsPubSub, type NatsPubSubOptions } from "../../src/nats.js";
import { type Broker, freePort } from "../helpers/brokers/broker.js";
import { Certificate } from "../helpers/brokers/certificate.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats } from "../helpers/brokers/servers.js";
import { recordWarnings } from "../helpers/warnings.js";
import {
  configuration,
  allIsWell,
  connected,
  patient,
  exchange,
  startFailure,
  startNode,
} from "./nodes.js";
import { operator } from "./nats-operator.js";

const password = "s3cret";
const login = { user: "streams", pass: password };
const at = ({ port }: Broker): string => `127.0.0.1:${port}`;
const pubsub = (nodeName: string, options: NatsPubSubOptions) =>
  natsPubSub({ nodeName, heartbeat: patient, ...options });

const warnings = recordWarnings();

describeWith("nats-server")("the permissions of docs/production.md", () => {
  const config = configuration("NATS: accounts and permissions", password);

  test("are enough for two nodes, and for doctor", async () => {
    await using broker = await startNats({ config });
    await using a = await startNode(pubsub("a", { servers: at(broker), options: login }));
    await using b = await startNode(pubsub("b", { servers: at(broker), options: login }));
    await exchange(a, b);
    expect(warnings).toEqual([]);
    const url = `nats://streams:${password}@${at(broker)}`;
    await allIsWell("--nats", url);
  });

  test.each(["publish", "subscribe"])("without the one to %s the start fails", async (right) => {
    const less = config.replace(
      `${right} { allow: ["nebulex.>"] }`,
      `${right} { allow: ["other.>"] }`,
    );
    expect(less).not.toBe(config);
    await using broker = await startNats({ config: less });
    const servers = at(broker);
    const error = await startFailure(startNode(pubsub("a", { servers, options: login })));
    expect(error).toMatchObject({ name: "PubSubError", reason: "refused" });
    expect(error.message).toContain("nebulex:bus:stream:users:users:node");
  });

  test("name a namespace as subjects have it", async () => {
    const escaped = config.replaceAll("nebulex.>", "my=002eapp.>");
    await using broker = await startNats({ config: escaped });
    const options = { servers: at(broker), options: login, namespace: "my.app" };
    await using a = await startNode(pubsub("a", options));
    await using b = await startNode(pubsub("b", options));
    await exchange(a, b);
    expect(warnings).toEqual([]);
  });

  test("keep accounts apart: nodes of different ones never hear each other", async () => {
    const [, account = ""] = /accounts \{\n(.*)\}/s.exec(config) ?? [];
    const other = account.replace("STREAMS", "OTHER").replace("user: streams", "user: other");
    await using broker = await startNats({ config: `accounts {\n${account}${other}}` });
    const servers = at(broker);
    await using a = await startNode(pubsub("a", { servers, options: login }));
    // The same name, which within one account would fail the start.
    await using b = await startNode(pubsub("a", { servers, options: { ...login, user: "other" } }));
    await connected(a);
    await connected(b);
    expect([a, b].map(({ pubsub: { status } }) => status)).toEqual(["connected", "connected"]);
  });

  test("are given to whoever has the password, or the seed of the NKey", async () => {
    const seed = "SUAPQIEDAJB7V4DVDHVEUUPUWPEB7KE3HBUR5HXG37G3CDBHUFALIJ55WU";
    const key = "UCSB2BDVI546ZLIEV4TFY7Y7DP453U7GLHFXPQXI5TUC44GIRP5EI4IH";
    const nkey = config.replace(/user: streams, password: "\w+"/, `nkey: ${key}`);
    await using broker = await startNats({ config: nkey });
    const servers = at(broker);
    const options = { authenticator: nkeyAuthenticator(new TextEncoder().encode(seed)) };
    await using a = await startNode(pubsub("a", { servers, options }));
    await connected(a);
    const error = await startFailure(startNode(pubsub("b", { servers, options: login })));
    expect(error).toMatchObject({ name: "PubSubError", reason: "connect_failed" });
  });
});

describeWith("nats-server")("a NATS with an operator", () => {
  const pubsubWith = (broker: Broker, creds: string, nodeName: string) =>
    pubsub(nodeName, {
      servers: at(broker),
      options: { authenticator: credsAuthenticator(new TextEncoder().encode(creds)) },
    });

  test("is used with a file of credentials that permit the namespace", async () => {
    const { config, creds } = operator(["nebulex.>"]);
    await using broker = await startNats({ config });
    await using a = await startNode(pubsubWith(broker, creds, "a"));
    await using b = await startNode(pubsubWith(broker, creds, "b"));
    await exchange(a, b);
    expect(warnings).toEqual([]);
  });

  test("refuses other credentials, and those that don't permit it", async () => {
    const { config, creds } = operator(["other.>"]);
    await using broker = await startNats({ config });
    const stranger = operator(["nebulex.>"]).creds;
    expect(await startFailure(startNode(pubsubWith(broker, stranger, "a")))).toMatchObject({
      name: "PubSubError",
      reason: "connect_failed",
    });
    expect(await startFailure(startNode(pubsubWith(broker, creds, "a")))).toMatchObject({
      name: "PubSubError",
      reason: "refused",
    });
  });
});

describeWith("nats-server")("a NATS with TLS", () => {
  const certificate = new Certificate();
  const { cert, key } = certificate;

  test("is used with the CA, and with a certificate of the client's own", async () => {
    await using broker = await startNats({ tls: certificate });
    await using mutual = await startNats({ tls: certificate, args: ["--tlsverify"] });
    for (const [{ port }, tls] of [
      [broker, { ca: cert }],
      [mutual, { ca: cert, cert, key }],
    ] as const) {
      const options = { servers: `tls://localhost:${port}`, options: { tls } };
      await using a = await startNode(pubsub("a", options));
      await using b = await startNode(pubsub("b", options));
      await exchange(a, b);
      expect(a.pubsub.status).toBe("connected");
    }
  });

  test("whose certificate is not trusted is tried again, with a warning", async () => {
    await using broker = await startNats({ tls: certificate });
    await using a = await startNode(pubsub("a", { servers: `tls://localhost:${broker.port}` }));
    expect(a.pubsub.status).toBe("reconnecting");
    expect(warnings.join()).toMatch(/self-signed certificate.*pubsub a: no connection yet/);
  });
});

describeWith("nats-server")("a NATS cluster", () => {
  test("carries events between its servers, and goes on when one is gone", async () => {
    const routes = [await freePort(), await freePort()];
    const config = (own: number): string => `cluster {
      name: test, listen: "127.0.0.1:${routes[own]}"
      routes: [${routes.map((port) => `"nats://127.0.0.1:${port}"`).join(", ")}] }`;
    await using first = await startNats({ config: config(0) });
    await using second = await startNats({ config: config(1) });
    const options = { noRandomize: true };
    const servers = [at(first), at(second)];
    await using a = await startNode(pubsub("a", { servers, options }));
    await using b = await startNode(pubsub("b", { servers: servers.toReversed(), options }));
    await exchange(a, b);
    await first.kill();
    await exchange(a, b);
    await connected(a);
    await connected(b);
    expect([a, b].map(({ pubsub: { status } }) => status)).toEqual(["connected", "connected"]);
  });
});
