import { randomUUID } from "node:crypto";
import type { RedisArguments } from "../pubsub/redis-client.js";
import type { RedisKeys } from "./redis-keys.js";
import { asCommandFailure, type RedisLink, runScript } from "./redis-link.js";
import type { RedisScript } from "./redis-script.js";

/** Sends commands over the present connection; they reject at once where there is none. @internal */
export class RedisCaller {
  readonly keys: RedisKeys;
  readonly #link: () => RedisLink;

  /** @param link the present connection; throws where there is none */
  constructor(keys: RedisKeys, link: () => RedisLink) {
    this.keys = keys;
    this.#link = link;
  }

  /** The present connection. @throws where there is none */
  get link(): RedisLink {
    return this.#link();
  }

  async run(
    script: RedisScript,
    keys: readonly string[],
    args: RedisArguments,
    buffers = false,
  ): Promise<unknown> {
    return runScript(this.#link(), script, keys, args, { buffers });
  }

  async send(key: string, args: RedisArguments, buffers = false): Promise<unknown> {
    try {
      return await this.#link().send(key, args, buffers);
    } catch (error) {
      throw asCommandFailure(error, String(args[0]));
    }
  }
}

/**
 * A random id, for a partition that begins a generation. Each call of a script has one, so that it
 * comes from where `node:crypto` keeps random bytes.
 *
 * @internal
 */
export function newGeneration(): string {
  return randomUUID().replaceAll("-", "");
}
