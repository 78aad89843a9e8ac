import { setTimeout as wait } from "node:timers/promises";
import type { Source, User } from "./near-cache.js";

/** Milliseconds that a question or its answer is under way. */
const latency = 2;

/** The source of truth, in the memory of the main process. */
export class MemorySource implements Source {
  /** How often it was asked. */
  asked = 0;
  readonly #users = new Map<string, User>();

  constructor(names: Readonly<Record<string, string>>) {
    for (const [key, name] of Object.entries(names)) this.#users.set(key, { name, version: 1 });
  }

  async read(key: string): Promise<User> {
    this.asked++;
    await wait(latency);
    const user = this.now(key);
    // What is changed while the answer is under way makes it old.
    await wait(latency);
    return user;
  }

  async rename(key: string, name: string): Promise<User> {
    await wait(latency);
    const user = { name, version: this.now(key).version + 1 };
    this.#users.set(key, user);
    await wait(latency);
    return user;
  }

  /** The truth, for whoever is beside it. */
  now(key: string): User {
    const user = this.#users.get(key);
    if (user === undefined) throw new Error(`no such user: ${key}`);
    return user;
  }
}
