import { connect as connectNats } from "@nats-io/transport-node";
import { createClient } from "redis";
import type { Setup } from "./setup.js";

/** A broker's client library, as one uses it directly. */
export interface Client {
  /** What settles when the broker has it, where the client tells. */
  publish(text: string): Promise<unknown> | undefined;
  /** Settles when it is subscribed. */
  listen(handle: (text: string) => void): Promise<void>;
  /** Lets out what was published. */
  close(): Promise<void>;
}

export function connectClient(setup: Setup): Promise<Client> {
  return setup.engine === "redis" ? redis(setup) : nats(setup);
}

async function redis({ port, channel }: Setup): Promise<Client> {
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  await client.connect();
  return {
    publish: (text) => client.publish(channel, text),
    listen: (handle) => client.subscribe(channel, handle),
    close: () => client.close(),
  };
}

async function nats({ port, channel }: Setup): Promise<Client> {
  const connection = await connectNats({ servers: `127.0.0.1:${port}` });
  return {
    publish: (text) => {
      connection.publish(channel, text);
      return undefined;
    },
    listen: async (handle) => {
      connection.subscribe(channel, { callback: (_error, message) => handle(message.string()) });
      await connection.flush();
    },
    close: () => connection.drain(),
  };
}
