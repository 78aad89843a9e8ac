import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect as connectNats } from "@nats-io/transport-node";
import { Queue, Worker } from "bullmq";
import { LRUCache } from "lru-cache";
import { createClient } from "redis";
import { Feed, type User, userOf } from "../load.js";
import { entries, type Open } from "./contestant.js";

/** What is sent of an event. */
interface Told {
  type: "inserted" | "updated";
  key: string;
}

const batch = 100;

/** Stores in an LRU cache; gives what is to be sent. */
function storing(): () => Told {
  const cache = new LRUCache<string, User>({ max: entries });
  const feed = new Feed(entries);
  return () => {
    const id = feed.next();
    const key = feed.keys[id] as string;
    const type = cache.has(key) ? "updated" : "inserted";
    cache.set(key, userOf(id));
    return { type, key };
  };
}

/** A Redis Stream and a consumer group: XADD for each event, XREADGROUP and XACK by the hundred. */
export const redisStream: Open = async ({ port, handle }) => {
  const url = `redis://127.0.0.1:${port}`;
  const [writer, reader] = [createClient({ url }), createClient({ url })];
  await Promise.all([writer.connect(), reader.connect()]);
  const [stream, group] = ["bench-stream", "bench-group"];
  await writer.xGroupCreate(stream, group, "0", { MKSTREAM: true });
  let isOpen = true;
  const read = async (): Promise<void> => {
    while (isOpen) {
      const from = { key: stream, id: ">" };
      const answer = await reader.xReadGroup(group, "reader", from, { COUNT: batch, BLOCK: 100 });
      const messages = (
        answer as { messages: { id: string; message: { event: string } }[] }[] | null
      )?.[0]?.messages;
      if (messages === undefined) continue;
      for (const { message } of messages) handle((JSON.parse(message.event) as Told).key);
      const ids = messages.map(({ id }) => id);
      await reader.xAck(stream, group, ids);
    }
  };
  const reading = read();
  const store = storing();
  return {
    burst: (count) => {
      let last: Promise<unknown> | undefined;
      for (let left = count; left > 0; left--)
        last = writer.xAdd(stream, "*", { event: JSON.stringify(store()) });
      return last;
    },
    close: async () => {
      isOpen = false;
      await reading;
      await Promise.all([writer.close(), reader.close()]);
    },
  };
};

/** A job for each event, which 8 at a time work off; over the same client. */
export const bullmq: Open = async ({ port, handle }) => {
  const connection = createClient({ url: `redis://127.0.0.1:${port}` });
  await connection.connect();
  const queue = new Queue<Told>("bench", {
    connection,
    defaultJobOptions: { removeOnComplete: true },
  });
  const worker = new Worker<Told>("bench", ({ data }) => Promise.resolve(handle(data.key)), {
    connection,
    concurrency: 8,
  });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  const store = storing();
  return {
    burst: (count) => Promise.all(Array.from({ length: count }, () => queue.add("event", store()))),
    close: async () => {
      await worker.close();
      await queue.close();
      await connection.close();
    },
  };
};

/** A JetStream stream with many publishes under way, and an ordered consumer. */
export const jetStream: Open = async ({ port, handle }) => {
  const connection = await connectNats({ servers: `127.0.0.1:${port}` });
  const manager = await jetstreamManager(connection);
  await manager.streams.add({ name: "bench", subjects: ["bench.event"] });
  const client = jetstream(connection);
  const consumer = await client.consumers.get("bench");
  const messages = await consumer.consume({
    callback: (message) => handle(message.json<Told>().key),
  });
  const store = storing();
  return {
    burst: (count) =>
      Promise.all(
        Array.from({ length: count }, () => client.publish("bench.event", JSON.stringify(store()))),
      ),
    close: async () => {
      await messages.close();
      await connection.drain();
    },
  };
};
