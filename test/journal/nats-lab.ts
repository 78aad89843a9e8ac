import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { NatsEngine } from "../../src/journal/nats-engine.js";
import { NatsNames } from "../../src/journal/nats-names.js";
import { resolveNats } from "../../src/pubsub/nats.js";
import { JournalLab, partition } from "../../src/testing/conformance/journal-lab.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startNats } from "../helpers/brokers/servers.js";

/** A nats-server with JetStream, a proxy in front of it, and engines that connect through that. */
export class NatsLab implements AsyncDisposable {
  readonly broker: Broker;
  readonly proxy: Proxy;
  readonly lab: JournalLab;
  /** A connection beside the proxy. */
  readonly admin: NatsConnection;
  readonly jsm: JetStreamManager;

  private constructor(broker: Broker, proxy: Proxy, admin: NatsConnection, jsm: JetStreamManager) {
    this.broker = broker;
    this.proxy = proxy;
    this.admin = admin;
    this.jsm = jsm;
    const servers = `${proxy.host}:${proxy.port}`;
    const create = (context: ConstructorParameters<typeof NatsEngine>[0]): NatsEngine =>
      new NatsEngine(context, resolveNats({ servers, connectionTimeout: 2000 })(), 1);
    this.lab = new JournalLab({ create, timeout: 15_000 });
  }

  static async start(): Promise<NatsLab> {
    const broker = await startNats({ jetStream: true });
    const proxy = await Proxy.start(broker);
    const servers = `${broker.host}:${broker.port}`;
    const admin = await connect({ servers, maxReconnectAttempts: -1, reconnectTimeWait: 50 });
    return new NatsLab(broker, proxy, admin, await jetstreamManager(admin));
  }

  get names(): NatsNames {
    return new NatsNames(this.lab.namespace);
  }

  /** The JetStream stream of the cases' partition. */
  get stream(): string {
    return this.names.log(partition);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
    await this.admin.close();
    await this.proxy[Symbol.asyncDispose]();
    await this.broker.stop();
  }
}
