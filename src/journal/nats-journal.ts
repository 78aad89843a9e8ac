import { integer } from "../options.js";
import { type NatsServersOptions, natsServersNames, resolveNats } from "../pubsub/nats.js";
import { createJournal } from "./create-journal.js";
import { commonJournalOptions } from "./journal-options.js";
import { NatsEngine } from "./nats-engine.js";
import type { Journal, JournalOptions } from "./types.js";

/** Options of {@link natsJournal}: exactly one of `servers` and `connection` is given. */
export interface NatsJournalOptions extends JournalOptions, NatsServersOptions {
  /**
   * On how many servers of a NATS cluster each stream and bucket is kept, from 1 to 5. It counts
   * when they are created. With more than one, nats-server 2.10.19 or newer is needed, and each
   * event waits for the one before it, by the same node in the same partition, to be replicated.
   * Default 1.
   */
  replicas?: number;
}

/**
 * A {@link Journal} on NATS JetStream (nats-server 2.9 or newer), by the packages
 * `@nats-io/transport-node`, `@nats-io/jetstream` and `@nats-io/kv`. They are loaded when the
 * journal first connects; where one is not installed, or JetStream is not enabled on the server,
 * the start fails and says so.
 *
 * When the connection is lost, another is made, after 25 to 50 ms at first and 1 to 2 s at most,
 * for as long as it takes.
 *
 * @throws {@link OptionError}
 */
export function natsJournal(options: NatsJournalOptions): Journal {
  const common = commonJournalOptions("natsJournal", options, [...natsServersNames, "replicas"]);
  const dialing = resolveNats(options, "natsJournal");
  const replicas = integer("replicas", options.replicas ?? 1, 1, 5);
  return createJournal((context) => new NatsEngine(context, dialing(), replicas), common);
}
