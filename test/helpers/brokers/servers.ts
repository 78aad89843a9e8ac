import { writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "redis";
import { Broker, freePort } from "./broker.js";
import type { Certificate } from "./certificate.js";

export interface RedisServerOptions {
  password?: string;
  /** A Redis Cluster of this one node, which has all slots. */
  cluster?: boolean;
  /** Takes connections over TLS only, with this certificate. */
  tls?: Certificate;
  /** With `tls`: takes only clients that have this certificate, too. */
  tlsClients?: boolean;
  /** A replica of this server. */
  replicaOf?: Broker;
  /** Each write is on the disk before it is answered: what was stored outlives `kill`. */
  persistent?: boolean;
  /** Further lines of its configuration. */
  config?: readonly string[];
}

/** Starts a redis-server of its own. */
export async function startRedis(options: RedisServerOptions = {}): Promise<Broker> {
  const broker = await startRedisNode(options, await freePort());
  if (options.cluster === true) {
    await tellRedis(broker, ...authOf(options), "CLUSTER ADDSLOTSRANGE 0 16383");
    await clusterStands(broker, options);
  }
  return broker;
}

/** Starts a Redis Cluster of some masters, each with its share of the slots. */
export async function startRedisCluster(
  size: number,
  options: RedisServerOptions = {},
): Promise<Broker[]> {
  const slots = 16_384;
  const brokers: Broker[] = [];
  for (let index = 0; index < size; index++) {
    const busPort = await freePort();
    const broker = await startRedisNode({ ...options, cluster: true }, busPort);
    brokers.push(broker);
    const first = Math.ceil((slots * index) / size);
    const last = Math.ceil((slots * (index + 1)) / size) - 1;
    const [seed] = brokers as [Broker];
    await tellRedis(broker, ...authOf(options), `CLUSTER ADDSLOTSRANGE ${first} ${last}`);
    const meet = `CLUSTER MEET 127.0.0.1 ${broker.port} ${busPort}`;
    if (index > 0) await tellRedis(seed, ...authOf(options), meet);
  }
  await Promise.all(brokers.map((broker) => clusterStands(broker, options)));
  return brokers;
}

/** Adds a replica of the first master to a Redis Cluster. */
export async function addClusterReplica(
  brokers: readonly Broker[],
  options: RedisServerOptions = {},
): Promise<Broker> {
  const [master] = brokers as readonly [Broker];
  const [, id = "", busPort] =
    /^(\w+) \S+@(\d+)\S* myself/m.exec(await tellRedis(master, "CLUSTER NODES")) ?? [];
  const replica = await startRedisNode({ ...options, cluster: true }, await freePort());
  await tellRedis(replica, `CLUSTER MEET 127.0.0.1 ${master.port} ${busPort}`);
  while (!(await tellRedis(replica, `CLUSTER REPLICATE ${id}`)).startsWith("+OK")) await sleep(20);
  while (!(await tellRedis(replica, "INFO replication")).includes("master_link_status:up"))
    await sleep(20);
  // The nodes that know the replica learn when it takes over.
  const links = brokers.length + 1;
  const known = (text: string): boolean =>
    / slave /.test(text.replaceAll("myself,", "")) &&
    text.match(/ connected\b/g)?.length === links &&
    !/handshake|fail/.test(text);
  for (const broker of [...brokers, replica])
    while (!known(await tellRedis(broker, "CLUSTER NODES"))) await sleep(20);
  return replica;
}

const authOf = ({ password }: RedisServerOptions): string[] =>
  password === undefined ? [] : [`AUTH ${password}`];

async function clusterStands(broker: Broker, options: RedisServerOptions): Promise<void> {
  const state = (): Promise<string> => tellRedis(broker, ...authOf(options), "CLUSTER INFO");
  while (!(await state()).includes("cluster_state:ok")) await sleep(20);
}

function startRedisNode(options: RedisServerOptions, busPort: number): Promise<Broker> {
  const { replicaOf, tls, ...rest } = options;
  const { password, cluster = false, config = [], tlsClients = false, persistent = false } = rest;
  return Broker.start({
    binary: "redis-server",
    args: (port, folder) => [
      ...configFile(join(folder, "redis.conf"), config),
      ...(tls === undefined ? words(`--port ${port}`) : redisTls(tls, port, folder, tlsClients)),
      ...words("--bind 127.0.0.1 --daemonize no --loglevel warning"),
      "--dir",
      folder,
      "--save",
      "",
      ...words(`--appendonly ${persistent ? "yes --appendfsync always" : "no"}`),
      ...words("--repl-diskless-sync-delay 0"),
      ...(password === undefined ? [] : ["--requirepass", password]),
      ...(cluster ? words(`--cluster-enabled yes --cluster-port ${busPort}`) : []),
      ...(cluster ? words("--cluster-announce-ip 127.0.0.1") : []),
      ...(replicaOf === undefined ? [] : ["--replicaof", replicaOf.host, String(replicaOf.port)]),
    ],
    greeting: { say: "PING\r\n", hear: /^(?:\+PONG|-NOAUTH)/, tls },
  });
}

function configFile(file: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [];
  writeFileSync(file, [...lines, ""].join("\n"));
  return [file];
}

export interface SentinelOptions {
  /** The master that it watches. */
  master: Broker;
  /** The master's name. */
  name: string;
  /** Milliseconds without an answer after which it counts as down. */
  downAfter?: number;
  /** Further lines of its configuration. */
  config?: readonly string[];
}

/** Starts a Redis Sentinel that decides by itself. */
export function startSentinel(options: SentinelOptions): Promise<Broker> {
  const { master, name, downAfter = 60_000, config = [] } = options;
  const lines = [
    `sentinel monitor ${name} ${master.host} ${master.port} 1`,
    `sentinel down-after-milliseconds ${name} ${downAfter}`,
    `sentinel failover-timeout ${name} 2000`,
    ...config,
  ];
  return Broker.start({
    binary: "redis-server",
    args: (port, folder) => [
      ...configFile(join(folder, "sentinel.conf"), lines),
      "--sentinel",
      ...words(`--port ${port} --bind 127.0.0.1 --dir ${folder} --loglevel warning`),
    ],
    greeting: { say: "PING\r\n", hear: /^(?:\+PONG|-NOAUTH)/ },
  });
}

/** Sends one command to a Sentinel, and gives the answer. */
export async function tellSentinel(broker: Broker, ...command: string[]): Promise<unknown> {
  const client = createClient({ socket: { host: broker.host, port: broker.port } });
  client.on("error", () => {});
  await client.connect();
  try {
    return await client.sendCommand(["SENTINEL", ...command]);
  } finally {
    client.destroy();
  }
}

function redisTls(
  certificate: Certificate,
  port: number,
  folder: string,
  clients: boolean,
): string[] {
  const { cert, key } = certificate.writeTo(folder);
  return words(
    `--tls-cluster yes --port 0 --tls-port ${port} --tls-auth-clients ${clients ? "yes" : "no"} --tls-cert-file ${cert} --tls-key-file ${key} --tls-ca-cert-file ${cert}`,
  );
}

const words = (text: string): string[] => text.split(" ");

export interface NatsServerOptions {
  /** Further words of the command line. */
  args?: readonly string[];
  /** The text of a configuration file. */
  config?: string;
  /** Takes connections over TLS only, with this certificate. */
  tls?: Certificate;
  /** Enables JetStream, which keeps its data over restarts, and until the server is disposed. */
  jetStream?: boolean;
}

/** Starts a nats-server of its own. */
export function startNats({
  args = [],
  config = "",
  tls,
  jetStream = false,
}: NatsServerOptions = {}): Promise<Broker> {
  return Broker.start({
    binary: "nats-server",
    args: (port, folder) => {
      const file = configIn(folder);
      writeFileSync(file, config);
      const store = jetStream ? ["-js", "-sd", jetStreamStore(folder)] : [];
      const address = ["-a", "127.0.0.1", "-p", String(port)];
      return ["-c", file, ...address, ...store, ...args, ...natsTls(tls, folder)];
    },
    greeting: { say: "", hear: /^INFO / },
  });
}

const jetStreamStore = (folder: string): string => join(folder, "jetstream");

/** Deletes what JetStream has stored; the server must not be running. */
export function deleteJetStreamStore(broker: Broker): Promise<void> {
  return rm(jetStreamStore(broker.folder), { recursive: true, force: true });
}

const configIn = (folder: string): string => join(folder, "nats.conf");

/** Gives a nats-server another configuration while it runs. */
export function reloadNats(broker: Broker, config: string): void {
  writeFileSync(configIn(broker.folder), config);
  broker.reload();
}

function natsTls(certificate: Certificate | undefined, folder: string): string[] {
  if (certificate === undefined) return [];
  const { cert, key } = certificate.writeTo(folder);
  return ["--tls", `--tlscert=${cert}`, `--tlskey=${key}`, `--tlscacert=${cert}`];
}

/** Sends commands to a redis-server, one after the other, and gives the answers as they come. */
export function tellRedis(broker: Broker, ...commands: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = broker.dial(() => socket.write([...commands, "QUIT", ""].join("\r\n")));
    socket.setEncoding("latin1").on("data", (chunk: string) => (answer += chunk));
    socket.on("error", reject).on("close", () => resolve(answer));
  });
}
