import type { Journal, JournalOptions } from "nebulex-streams";
import { natsJournal } from "nebulex-streams/nats";
import { redisJournal } from "nebulex-streams/redis";
import type { Engine } from "../shared/broker.js";

/** The one line that differs from engine to engine; all else in this example is the same for both. */
export const journals = {
  redis: (url: string, options: JournalOptions): Journal => redisJournal({ url, ...options }),
  nats: (url: string, options: JournalOptions): Journal =>
    natsJournal({ servers: url, ...options }),
} satisfies Record<Engine, unknown>;
