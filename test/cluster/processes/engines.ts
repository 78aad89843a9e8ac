import type { BrokerName } from "../../helpers/brokers/binaries.mjs";
import type { Broker } from "../../helpers/brokers/broker.js";
import { startNats, startRedis } from "../../helpers/brokers/servers.js";
import type { EngineName } from "./protocol.js";

/** The server that each engine needs. */
export const servers: Readonly<Record<EngineName, BrokerName>> = {
  redis: "redis-server",
  nats: "nats-server",
};

/** Starts a broker of its own. */
export function startBroker(engine: EngineName): Promise<Broker> {
  return engine === "redis" ? startRedis() : startNats();
}
