import {
  createSystem,
  defineCache,
  type GapEvent,
  invalidator,
  type PubSub,
  startSupervisor,
  streamServer,
} from "../../src/index.js";
import { parseCommand } from "../../src/cli/arguments.js";
import { doctor } from "../../src/cli/doctor.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { documentAt } from "../helpers/documents.js";

export const settled = { timeout: 20_000 };

/** A fenced block of docs/production.md, by its heading; in place of CHANGE-ME it has `password`. */
export function configuration(title: string, password: string): string {
  const { text } = documentAt("docs/production.md");
  const [, section = ""] = text.split(new RegExp(`^#+ ${title}$`, "m"));
  const [, block] = /^```text\n(.*?)\n```$/ms.exec(section.split(/^#+ /m)[0] ?? "") ?? [];
  if (block === undefined) throw new Error(`no block under ${title}`);
  return block.replaceAll("CHANGE-ME", password);
}

/** A start waits so long for its connection, which on a busy machine may take its time. */
export const patient = 10_000;

let systems = 0;

/** A node with a cache, its stream and an invalidator. To be disposed. */
export async function startNode(pubsub: PubSub, partitions = 2) {
  const cache = defineCache<string, number>({ name: "users" });
  const tree = await startSupervisor({
    system: createSystem({ name: `production-${++systems}` }),
    strategy: "rest_for_one",
    children: [pubsub, cache, streamServer({ cache, pubsub, partitions }), invalidator({ cache })],
  });
  const gaps: GapEvent[] = [];
  cache.subscribe((message) => void (message.type === "gap" && gaps.push(message)), { gaps: true });
  return { pubsub, cache, tree, gaps, [Symbol.asyncDispose]: () => tree.stop() };
}

type Node = Awaited<ReturnType<typeof startNode>>;

/** Settles when what is written on each of two nodes has removed the other's copy. */
export async function exchange(a: Node, b: Node): Promise<void> {
  await connected(a);
  await connected(b);
  for (const [writer, reader] of [
    [a, b],
    [b, a],
  ] as const) {
    const key = `from ${writer.pubsub.nodeName}`;
    reader.cache.put(key, 0, { fill: true });
    writer.cache.put(key, 1);
    await waitFor(() => reader.cache.get(key) === undefined, settled);
  }
}

/** The error of a child that failed to start. */
export async function startFailure(start: Promise<AsyncDisposable>): Promise<Error> {
  try {
    await using _ = await start;
  } catch (error) {
    return (error as Error).cause as Error;
  }
  throw new Error("it has started");
}

/** Settles when `doctor` finds nothing wrong with the nodes at a broker. */
export async function allIsWell(...broker: readonly string[]): Promise<void> {
  const words = `doctor ${broker.join(" ")} --cache users --heartbeat ${patient} --timeout 500`;
  const command = parseCommand(words.split(" "));
  if (command.kind !== "doctor") throw new Error("no doctor");
  const output = { write: () => {}, say: () => {}, signal: new AbortController().signal };
  await waitFor(
    async () => (await doctor(command.options, output as never)) === "healthy",
    settled,
  );
}

export async function connected({ pubsub }: { pubsub: PubSub }): Promise<void> {
  await waitFor(() => pubsub.status === "connected", settled);
}
