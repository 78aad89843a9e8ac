import { callable } from "../options.js";
import type { JournalEngineFactory } from "./engine.js";
import { resolveJournalOptions } from "./journal-options.js";
import { NodeJournal } from "./node-journal.js";
import type { Journal, JournalOptions } from "./types.js";

/**
 * Makes a {@link Journal} over an engine, for an adapter to one.
 *
 * @param makeEngine called for each start of the journal's actor
 * @throws {@link OptionError}
 */
export function createJournal(
  makeEngine: JournalEngineFactory,
  options: JournalOptions = {},
): Journal {
  return new NodeJournal(resolveJournalOptions(options), callable("makeEngine", makeEngine));
}
