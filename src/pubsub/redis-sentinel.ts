import type { Milliseconds } from "../options.js";
import { RefusedError, toError } from "./broker-session.js";
import {
  asFailure,
  newNodeClient,
  newSentinelClient,
  type RedisNode,
  type RedisSentinel,
  type RedisSentinelConnection,
} from "./redis-client.js";
import { destroyQuietly } from "./redis-clients.js";
import type { FindTarget } from "./redis-session.js";
import { Watchdog } from "./redis-watchdog.js";
import { clearTimeout, setTimeout } from "../timers.js";

/**
 * The master that the Sentinels name. The session ends when they name another one: a node that stays
 * at a former master exchanges messages with no other node.
 *
 * @internal
 */
export function atSentinel(settings: RedisSentinel, timeout: Milliseconds): FindTarget {
  return async (lost, signal) => {
    const sentinels = new Sentinels(settings, timeout);
    const end = (): void => sentinels.end();
    signal.addEventListener("abort", end, { once: true });
    try {
      const master = await sentinels.find();
      sentinels.follow(master, lost);
      return { make: () => newNodeClient(settings, master), end };
    } catch (error) {
      end();
      throw error;
    } finally {
      signal.removeEventListener("abort", end);
    }
  };
}

/** Asks the Sentinels where the master is: all at first, then the one that answered first. */
class Sentinels {
  readonly #settings: RedisSentinel;
  readonly #timeout: Milliseconds;
  /** All that have been made and are not destroyed. */
  readonly #clients = new Set<RedisSentinelConnection>();
  /** The one that is asked. */
  #client: RedisSentinelConnection | undefined;
  #watchdog: Watchdog | undefined;
  #retry: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(settings: RedisSentinel, timeout: Milliseconds) {
    this.#settings = settings;
    this.#timeout = timeout;
  }

  /**
   * @throws (as a rejection) RefusedError when a Sentinel refuses, or does not know the name, and
   * none answers
   */
  async find(): Promise<RedisNode> {
    const clients = await Promise.all(
      this.#settings.sentinelRootNodes.map((node) =>
        newSentinelClient(this.#settings, node, this.#timeout),
      ),
    );
    if (this.#ended) throw new Error("the connection is not wanted any more");
    for (const client of clients) this.#clients.add(client);
    try {
      const [client, master] = await Promise.any(clients.map((client) => this.#first(client)));
      this.#client = client;
      return master;
    } catch (error) {
      throw mostTelling(error as AggregateError);
    } finally {
      for (const client of clients) if (client !== this.#client) this.#destroy(client);
    }
  }

  /** Keeps asking; calls `moved` once when the master is another one. */
  follow(master: RedisNode, moved: (error: Error) => void): void {
    const client = this.#client;
    if (client === undefined || this.#ended) return;
    this.#watchdog = new Watchdog(
      this.#timeout,
      async () => this.#compare(master, await this.#ask(client), moved),
      // A request that was pending when its client was given up fails later.
      () => client === this.#client && this.#findAgain(master, moved),
    );
  }

  /** The master may be up though no Sentinel is: only their answer ends the session. */
  #findAgain(master: RedisNode, moved: (error: Error) => void): void {
    this.#forget();
    this.find().then(
      (now) => {
        this.#compare(master, now, moved);
        this.follow(master, moved);
      },
      () => {
        if (this.#ended) return;
        this.#retry = setTimeout(() => this.#findAgain(master, moved), this.#timeout / 3);
      },
    );
  }

  #compare(master: RedisNode, now: RedisNode, moved: (error: Error) => void): void {
    if (this.#ended || (now.host === master.host && now.port === master.port)) return;
    this.end();
    const { name } = this.#settings;
    moved(new Error(`the Sentinels have made ${now.host}:${now.port} the master of ${name}`));
  }

  end(): void {
    this.#ended = true;
    clearTimeout(this.#retry);
    this.#forget();
    for (const client of this.#clients) this.#destroy(client);
  }

  async #first(
    client: RedisSentinelConnection,
  ): Promise<[client: RedisSentinelConnection, master: RedisNode]> {
    // What ends it shows in its answers.
    client.on("error", () => {});
    client.on("connect", () => {
      if (!this.#clients.has(client)) destroyQuietly(client);
    });
    await client.connect();
    return [client, await this.#ask(client)];
  }

  async #ask(client: RedisSentinelConnection): Promise<RedisNode> {
    const { name } = this.#settings;
    let answer: unknown;
    try {
      answer = await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name]);
    } catch (error) {
      throw asFailure(error);
    }
    if (!Array.isArray(answer))
      throw new RefusedError(new Error(`the Sentinel knows no master named ${name}`));
    const [host, port] = answer.map(String);
    return { host: host as string, port: Number(port) };
  }

  #forget(): void {
    this.#watchdog?.stop();
    this.#watchdog = undefined;
    if (this.#client !== undefined) this.#destroy(this.#client);
    this.#client = undefined;
  }

  #destroy(client: RedisSentinelConnection): void {
    this.#clients.delete(client);
    destroyQuietly(client);
  }
}

/** Of the errors of all Sentinels, one that another attempt would not help. */
function mostTelling({ errors }: AggregateError): Error {
  const failures = errors.map(asFailure);
  return failures.find((error) => error instanceof RefusedError) ?? toError(failures[0]);
}
