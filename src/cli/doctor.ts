import { pause, systemClock } from "../clock.js";
import type { DoctorOptions } from "./arguments.js";
import { BrokerFailure, busIn, connect, connected, makePubSub, type Session } from "./broker.js";
import { diagnose, refusal } from "./diagnosis.js";
import type { Output } from "./output.js";
import { type Report, reportJson, reportText } from "./report.js";
import { ClusterWatch } from "./cluster-watch.js";
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
  try {
    await using session = await connect(pubsub, options.broker);
    const report = await examine(options, watch, session, busIn(pubsub), output.signal);
    if (output.signal.aborted) return "interrupted";
    return write(report, output);
  } catch (error) {
    if (!(error instanceof BrokerFailure)) throw error;
    const problems = [refusal(error.message)];
    return write({ options, watched: 0, findings: null, problems }, output);
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
): Promise<Report> {
  const { timeout } = options;
  const isUp = await Promise.race([connected(bus, timeout, signal), session.failed]);
  const begun = monotonicNow();
  if (isUp) await Promise.race([pause(systemClock, timeout, signal), session.failed]);
  const findings = watch.findings();
  const watched = Math.round(monotonicNow() - begun);
  return { options, watched, findings, problems: diagnose(findings, options) };
}

function write(report: Report, output: Output): Health {
  const { options, problems } = report;
  output.write(options.json ? reportJson(report) : reportText(report));
  if (problems.some(({ kind }) => kind === "unreachable" || kind === "refused")) return "no_broker";
  return problems.length === 0 ? "healthy" : "problems";
}
