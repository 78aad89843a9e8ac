import { pause, systemClock } from "../clock.js";
import type { DoctorOptions } from "./arguments.js";
import { BrokerFailure, busIn, connect, connected, makePubSub, type Session } from "./broker.js";
import { diagnose, refusal } from "./diagnosis.js";
import type { Output } from "./output.js";
import { healthOfReport, type Report, reportJson, reportText } from "./report.js";
import type { Milliseconds } from "../options.js";
import { ClusterWatch, type Findings } from "./cluster-watch.js";
import { diagnoseJournal } from "./journal-diagnosis.js";
import { type JournalFindings, watchJournal } from "./journal-watch.js";
import { monotonicNow } from "../timers.js";

/** The outcome. @internal */
export type Health = "healthy" | "problems" | "no_broker" | "interrupted";

/**
 * Watches for a while, and reports what it has seen and what is wrong.
 *
 * @throws (as a rejection) BrokerFailure when the broker's package is not installed
 * @internal
 */
export async function doctor(options: DoctorOptions, output: Output): Promise<Health> {
  const pubsub = await makePubSub(options);
  const watch = new ClusterWatch(busIn(pubsub), options);
  const { signal } = output;
  const watching = watchJournal(options, signal);
  // It is awaited after the pubsub, which may fail first.
  watching.catch(() => {});
  try {
    await using session = await connect(pubsub, options.broker);
    const { findings, watched } = await examine(options, watch, session, busIn(pubsub), signal);
    const journal = await watching;
    if (signal.aborted) return "interrupted";
    const hasNodes = journal.kind === "seen" && isUsed(journal.findings);
    const problems = [
      ...diagnose(findings, options).filter(({ kind }) => kind !== "nobody" || !hasNodes),
      ...diagnoseJournal(journal, findings),
    ];
    return write({ options, watched, findings, journal, problems }, output);
  } catch (error) {
    if (!(error instanceof BrokerFailure)) throw error;
    const journal = await watching;
    // A user that may use journals alone is refused what pubsubs need.
    const problems =
      journal.kind === "seen" ? diagnoseJournal(journal, null) : [refusal(error.message)];
    return write({ options, watched: 0, findings: null, journal, problems }, output);
  } finally {
    watch.close();
  }
}

async function examine(
  options: DoctorOptions,
  watch: ClusterWatch,
  session: Session,
  bus: Parameters<typeof connected>[0],
  signal: AbortSignal,
): Promise<{ findings: Findings; watched: Milliseconds }> {
  const { timeout } = options;
  const isUp = await Promise.race([connected(bus, timeout, signal), session.failed]);
  const begun = monotonicNow();
  if (isUp) await Promise.race([pause(systemClock, timeout, signal), session.failed]);
  const findings = watch.findings();
  return { findings, watched: Math.round(monotonicNow() - begun) };
}

function write(report: Report, output: Output): Health {
  const { options, problems } = report;
  output.write(options.json ? reportJson(report) : reportText(report));
  return healthOfReport(problems);
}

/** A process may use a shared store without a stream. */
const isUsed = ({ nodes, store }: JournalFindings): boolean =>
  [...nodes, ...(store?.processes ?? [])].some(({ silent }) => !silent);
