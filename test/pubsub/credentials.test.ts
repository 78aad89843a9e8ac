import { describe, expect, test } from "@jest/globals";
import { natsPubSub } from "../../src/nats.js";
import { resolveNats } from "../../src/pubsub/nats.js";
import { resolveRedis } from "../../src/pubsub/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import { Certificate } from "../helpers/brokers/certificate.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Eavesdropper } from "../helpers/brokers/eavesdropper.js";
import { startNats, startRedis, tellRedis } from "../helpers/brokers/servers.js";
import { Tapped } from "./transports.js";

const certificate = new Certificate();
const ca = { ca: certificate.cert };
const secret = "s3cr@t/%,";
const encoded = encodeURIComponent(secret);

/** Publishes to itself; returns what was received. */
async function echo(tapped: Tapped): Promise<string[]> {
  await tapped.publish("c", "x");
  await tapped.hears("c=x");
  return tapped.heard;
}

describe("a server without TLS", () => {
  const nats = `INFO {"server_id":"x","version":"2.9.0","proto":1,"max_payload":1000}\r\n`;

  test("never sees the password of a tls: address", async () => {
    await using server = await Eavesdropper.start(nats);
    const servers = `tls://ann:${encoded}@${server.host}:${server.port}`;
    await using a = new Tapped(resolveNats({ servers })());
    await a.transport.open(a);
    expect(server.visits).toBeGreaterThan(0);
    expect(String(a.errors)).toContain("does not support 'tls'");
    expect(server.heard).not.toContain("CONNECT");
    expect(server.heard).not.toContain("s3cr");
  });

  test.each([false, true])(
    "never sees that of a rediss: address (sharded: %s)",
    async (sharded) => {
      await using server = await Eavesdropper.start();
      const url = `rediss://ann:${encoded}@${server.host}:${server.port}`;
      await using a = new Tapped(resolveRedis({ url, sharded, connectionTimeout: 500 }));
      await a.transport.open(a);
      await waitFor(() => server.heard !== "");
      // The first record of a handshake.
      expect(server.heard.charCodeAt(0)).toBe(0x16);
      expect(server.heard).not.toContain("s3cr");
    },
  );
});

describeWith("redis-server")("a Redis with TLS", () => {
  test("is used with the password in the URL", async () => {
    await using broker = await startRedis({ tls: certificate, password: secret });
    const url = `rediss://:${encoded}@localhost:${broker.port}`;
    await using a = await Tapped.connected(
      resolveRedis({ url, options: { socket: { tls: true, ...ca } } }),
      "c",
    );
    expect(await echo(a)).toEqual(["c=x"]);
  });

  test("is used as a cluster, with what the URLs of the root nodes say", async () => {
    await using broker = await startRedis({ tls: certificate, password: secret, cluster: true });
    const rootNodes = [{ url: `rediss://:${encoded}@127.0.0.1:${broker.port}` }];
    const options = { socket: { tls: true as const, ...ca } };
    await using a = await Tapped.connected(
      resolveRedis({ rootNodes, sharded: true, options }),
      "c",
    );
    expect(await echo(a)).toEqual(["c=x"]);
  });
});

describeWith("redis-server")("a Redis", () => {
  test("whose database does not exist refuses at the start, and says why", async () => {
    await using broker = await startRedis();
    const at = `redis://${broker.host}:${broker.port}`;
    for (const database of ["99", "999999999"]) {
      await using a = new Tapped(resolveRedis({ url: `${at}/${database}` }));
      const error = await failure(a.transport.open(a));
      expect(String(error)).toMatch(/DB index is out of range/);
      expect(a.statuses).toEqual([]);
    }
    await using a = await Tapped.connected(resolveRedis({ url: `${at}/3` }), "c");
    expect(await echo(a)).toEqual(["c=x"]);
  });

  test("that repeats a command that it does not know does not make the password known", async () => {
    const answer = `-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'ann' 's3cret'\r\n`;
    await using server = await Eavesdropper.start(answer);
    const url = `redis://ann:s3cret@${server.host}:${server.port}`;
    await using a = new Tapped(resolveRedis({ url }));
    const error = await failure(a.transport.open(a));
    expect(String(error)).toContain("unknown command 'HELLO'");
    expect(String((error as Error).stack) + String((error as Error).cause)).not.toContain("s3cret");
  });

  test("takes a user and a password that are percent-encoded", async () => {
    await using broker = await startRedis();
    const user = `ACL SETUSER a/b on >${secret} ~* &* +@all`;
    expect(await tellRedis(broker, user)).toContain("+OK");
    const url = `redis://a%2Fb:${encoded}@${broker.host}:${broker.port}`;
    await using a = await Tapped.connected(resolveRedis({ url }), "c");
    expect(await echo(a)).toEqual(["c=x"]);
    expect(await tellRedis(broker, "CLIENT LIST")).toContain("user=a/b");
  });
});

describeWith("nats-server")("a NATS", () => {
  const options = { noEcho: false };

  test("with TLS is used with user and password of the URL", async () => {
    const config = `authorization { user: "ann", password: "${secret}" }`;
    await using broker = await startNats({ tls: certificate, config });
    const servers = `tls://ann:${encoded}@localhost:${broker.port}`;
    const settings = resolveNats({ servers, options: { ...options, tls: ca } });
    await using a = await Tapped.connected(settings(), "c");
    expect(await echo(a)).toEqual(["c=x"]);
  });

  test("takes user and password, or a token, from a URL, also in a list", async () => {
    const config = `authorization { user: "ann", password: "${secret}" }`;
    await using broker = await startNats({ config });
    const at = `${broker.host}:${broker.port}`;
    const servers = `127.0.0.1:1, nats://ann:${encoded}@${at}`;
    await using a = await Tapped.connected(resolveNats({ servers, options })(), "c");
    expect(await echo(a)).toEqual(["c=x"]);

    await using guarded = await startNats({ config: `authorization { token: "${secret}" }` });
    const url = `nats://${encoded}@${guarded.host}:${guarded.port}`;
    await using b = await Tapped.connected(resolveNats({ servers: [url], options })(), "c");
    expect(await echo(b)).toEqual(["c=x"]);
    expect(natsPubSub({ servers: url }).status).toBe("closed");
  });
});
