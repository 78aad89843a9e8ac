import { systemClock } from "../../src/clock.js";
import type { JournalContext, JournalEngine } from "../../src/journal/engine.js";
import { RedisEngine } from "../../src/journal/redis-engine.js";
import { type RedisJournalOptions, resolveRedisJournal } from "../../src/journal/redis-journal.js";
import { waitFor } from "../../src/testing/wait-for.js";

const defaults: JournalContext = {
  nodeName: "a",
  namespace: "ns",
  retain: 100_000,
  retainFor: undefined,
  capacity: 1_000_000,
  clock: systemClock,
  random: Math.random,
};

/** An engine on Redis that is open, and what it has reported. To be disposed. */
export class OpenRedis implements AsyncDisposable {
  readonly engine: JournalEngine;
  readonly statuses: string[] = [];
  readonly errors: unknown[] = [];

  constructor(options: RedisJournalOptions, context: Partial<JournalContext> = {}) {
    this.engine = new RedisEngine({ ...defaults, ...context }, resolveRedisJournal(options));
  }

  static async connected(
    options: RedisJournalOptions,
    context: Partial<JournalContext> = {},
  ): Promise<OpenRedis> {
    const opened = new OpenRedis(options, context);
    await opened.open();
    await opened.reaches("connected");
    return opened;
  }

  async open(): Promise<void> {
    await this.engine.load?.();
    await this.engine.open({
      status: (status, error) => {
        this.statuses.push(status);
        if (error !== undefined) this.errors.push(error);
      },
    });
  }

  async reaches(status: "connected" | "reconnecting"): Promise<void> {
    await waitFor(() => this.statuses.at(-1) === status, { timeout: 20_000, message: status });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.engine.close();
  }
}
