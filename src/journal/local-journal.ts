import { createJournal } from "./create-journal.js";
import { type JournalHub, LocalJournalHub } from "./journal-hub.js";
import { commonJournalOptions } from "./journal-options.js";
import type { Journal, JournalOptions } from "./types.js";

/** Options of {@link localJournal}. */
export interface LocalJournalOptions extends JournalOptions {
  /**
   * Connects the nodes that are given the same hub, and keeps what they store as long as it lives.
   * Default: this journal has one of its own, which lives as long as the journal.
   */
  hub?: JournalHub;
}

/**
 * A journal within the process: for a system without an engine, and for tests. Two with one hub are
 * two nodes, each in a system of its own or in the same.
 *
 * @throws {@link OptionError}
 */
export function localJournal(options: LocalJournalOptions = {}): Journal {
  const common = commonJournalOptions("localJournal", options, ["hub"]);
  const hub =
    options.hub === undefined ? new LocalJournalHub() : LocalJournalHub.check(options.hub);
  return createJournal((context) => hub.engine(context), common);
}
