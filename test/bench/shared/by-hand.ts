import { createClient } from "redis";
import { Feed, type User, userOf } from "../load.js";
import { entries, type SharedRig } from "./rig.js";

/**
 * node-redis alone: JSON in strings.
 *
 * @param timeout of a command; undefined: the client's own, which costs it a timer a command
 */
export async function openPlain(port: number, timeout?: number): Promise<SharedRig> {
  const prefix = `plain-${timeout}`;
  return open(port, prefix, timeout, (client, key, text) => client.set(key, text));
}

/** node-redis: the entry and its event in a Redis Stream, in one transaction. */
export async function openWithEvent(port: number): Promise<SharedRig> {
  return open(port, "told", undefined, (client, key, text) =>
    client.multi().set(key, text).xAdd("told", "*", { type: "put", key, value: text }).exec(),
  );
}

type Client = Awaited<ReturnType<typeof connect>>;

const connect = (port: number, timeout: number | undefined) =>
  createClient({
    url: `redis://127.0.0.1:${port}`,
    ...(timeout === undefined ? {} : { commandOptions: { timeout } }),
  }).connect();

async function open(
  port: number,
  prefix: string,
  timeout: number | undefined,
  put: (client: Client, key: string, text: string) => Promise<unknown>,
): Promise<SharedRig> {
  const client = await connect(port, timeout);
  const [writes, reads] = [new Feed(entries), new Feed(entries)];
  const keys = writes.keys.map((key) => `${prefix}:${key}`);
  const get = async (key: string): Promise<User> =>
    JSON.parse((await client.get(key)) as string) as User;
  return {
    put: (count) =>
      Promise.all(
        Array.from({ length: count }, () => {
          const id = writes.next();
          return put(client, keys[id] as string, JSON.stringify(userOf(id)));
        }),
      ),
    get: (count) =>
      Promise.all(Array.from({ length: count }, () => get(keys[reads.next()] as string))),
    close: () => client.close(),
  };
}
