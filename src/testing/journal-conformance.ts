import { OptionError } from "../errors.js";
import type { JournalEngineFactory } from "../journal/engine.js";
import { callable, knownOptions, type Milliseconds, positiveMilliseconds } from "../options.js";
import { deadLetterCases } from "./conformance/dead-letter-cases.js";
import { entryCases } from "./conformance/entry-cases.js";
import { flushCases } from "./conformance/flush-cases.js";
import { groupCases } from "./conformance/group-cases.js";
import { type JournalCase, JournalLab } from "./conformance/journal-lab.js";
import { journalOutageCases } from "./conformance/journal-outage-cases.js";
import { leaseCases } from "./conformance/lease-cases.js";
import { streamCases } from "./conformance/stream-cases.js";
import { tailCases } from "./conformance/tail-cases.js";
import { trimCases } from "./conformance/trim-cases.js";
import type { ConformanceCase } from "./pubsub-conformance.js";

/** Options of {@link journalConformance}. */
export interface JournalConformanceOptions {
  /**
   * Makes an engine of the kind in question, which is not open yet; all of a run's share what they
   * store. Node names and namespaces are new ones in each case.
   */
  create: JournalEngineFactory;
  /**
   * Cuts off a node, which may not be open yet: its connection breaks, and it can make no new one.
   * Without it, the cases of outages are left out.
   */
  disconnect?: (nodeName: string) => void | Promise<void>;
  /** Ends `disconnect`. */
  connect?: (nodeName: string) => void | Promise<void>;
  /**
   * Loses all that is stored in a namespace; that of others may go with it. Without it, the cases
   * of lost data are left out.
   */
  flush?: (namespace: string) => void | Promise<void>;
  /** Milliseconds that a case waits for something at the most. Default 10,000. */
  timeout?: Milliseconds;
}

/**
 * What every engine of journals must do, as cases for any test runner: for authors of engines. Cases
 * may run at the same time, except where `flush` also loses what is stored in other namespaces.
 *
 * ```ts
 * for (const { name, run } of journalConformance({ create: (context) => new MyEngine(url, context) })) test(name, run);
 * ```
 *
 * @throws {@link OptionError}
 */
export function journalConformance(options: JournalConformanceOptions): ConformanceCase[] {
  const names = ["create", "disconnect", "connect", "flush", "timeout"];
  knownOptions("journalConformance", options, names);
  const { create, disconnect, connect, flush } = options;
  callable("create", create);
  for (const [name, hook] of Object.entries({ disconnect, connect, flush }))
    if (hook !== undefined) callable(name, hook);
  if ((disconnect === undefined) !== (connect === undefined))
    throw OptionError.invalid("connect", "a function if and only if disconnect is one", connect);
  const timeout = positiveMilliseconds("timeout", options.timeout ?? 10_000);
  const cases: readonly JournalCase[] = [
    ...streamCases,
    ...entryCases,
    ...tailCases,
    ...trimCases,
    ...groupCases,
    ...leaseCases,
    ...deadLetterCases,
    ...(disconnect === undefined ? [] : journalOutageCases),
    ...(flush === undefined ? [] : flushCases),
  ];
  return cases.map(([name, run]) => ({
    name,
    run: async () => {
      await using lab = new JournalLab({ create, disconnect, connect, flush, timeout });
      await run(lab);
    },
  }));
}
