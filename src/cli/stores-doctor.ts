import type { StoreFindings } from "../store/redis-observe.js";
import type { DoctorOfStoresOptions } from "./arguments.js";
import { BrokerFailure } from "./broker.js";
import { type Problem, refusal } from "./diagnosis.js";
import type { Health } from "./doctor.js";
import { type JournalConnection, journalStreams, openJournal } from "./journal.js";
import { healthOf } from "./journal-diagnosis.js";
import type { Output } from "./output.js";
import { healthOfReport, problemLines } from "./report.js";
import { jsonText, printable } from "./show-event.js";
import { diagnoseStore, lookAtStore, storeCells, storeHeading } from "./store-look.js";
import { table } from "./table.js";

interface NamedStore {
  readonly cache: string;
  readonly name: string;
  readonly store: StoreFindings;
}

/**
 * Reports all shared stores of an engine, and what is wrong.
 *
 * @throws (as a rejection) what the engine rejects with
 * @internal
 */
export async function doctorOfStores(
  options: DoctorOfStoresOptions,
  output: Output,
): Promise<Health> {
  const { timeout } = options;
  let connection: JournalConnection;
  try {
    connection = await openJournal(options, output.signal, timeout);
  } catch (error) {
    if (output.signal.aborted) return "interrupted";
    if (!(error instanceof BrokerFailure)) throw error;
    return write(options, [], [refusal(error.message)], output);
  }
  await using _ = connection;
  const { engine } = connection;
  const streams = await journalStreams(engine, options.namespace);
  const stores: NamedStore[] = [];
  for (const stream of streams) {
    const { cache, name } = stream.address;
    const store = await lookAtStore(stream);
    if (store !== null) stores.push({ cache, name, store });
  }
  const health = (await engine.health?.().catch(() => [])) ?? [];
  const problems = [
    ...healthOf(health.map(({ problem }) => problem)),
    ...stores.flatMap(({ name, store }) => diagnoseStore(name, store)),
  ];
  return write(options, stores, problems, output);
}

function write(
  { broker, namespace, json }: DoctorOfStoresOptions,
  stores: readonly NamedStore[],
  problems: readonly Problem[],
  output: Output,
): Health {
  const healthy = problems.length === 0;
  if (json) output.write(jsonText({ healthy, broker: broker.shown, namespace, stores, problems }));
  else {
    const isRefused = problems.some(({ kind }) => kind === "refused");
    const rows = stores.map(({ cache, name, store }) => [cache, name, ...storeCells(store)]);
    const lines = [
      `broker   ${broker.shown}, ${isRefused ? "not connected" : "connected"}`,
      `stores   ${stores.length} in namespace ${namespace}`,
      ...(rows.length === 0
        ? []
        : ["", ...table([["cache", "instance", ...storeHeading], ...rows])]),
      "",
      ...problemLines(problems),
    ];
    output.write(`${lines.map(printable).join("\n")}\n`);
  }
  return healthOfReport(problems);
}
