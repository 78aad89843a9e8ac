import type { ActorRef } from "../actor/ref.js";
import type { Cache } from "../cache/types.js";
import { systemClock, withTimeout } from "../clock.js";
import { JournalError, NebulexError, OptionError, SupervisorError } from "../errors.js";
import { type ClusterGroup, clusterGroup } from "../group/cluster-group.js";
import type { Milliseconds } from "../options.js";
import type { Stream } from "../stream/stream.js";
import { handleOf } from "../supervisor/handle.js";
import { letterText } from "./dead-letters.js";
import type { Action, ActionResult, ChildTarget, DeadLetterPage, GroupTarget } from "./protocol.js";
import { type LettersRequest, Refusal } from "./source.js";
import type { TreeEntry } from "./tree-rows.js";

/** How long an answer waits for an action; that goes on all the same. */
const longestWait: Milliseconds = 30_000;

/** What actions look up. @internal */
export interface ActionPlace {
  /** The tree as it is now. */
  tree(): readonly TreeEntry[];
  /** @throws Refusal */
  stream(id: string): Stream;
  /** The inspector's own actor. */
  readonly self: ActorRef;
}

/** @throws (as a rejection) Refusal @internal */
export async function carryOut(place: ActionPlace, action: Action): Promise<ActionResult> {
  const tooLong = (): never => {
    throw new Refusal(503, `it has taken ${longestWait / 1000} seconds so far, and goes on`);
  };
  return await withTimeout(systemClock, longestWait, perform(place, action), tooLong).catch(
    (error: unknown) => {
      throw refusalOf(error);
    },
  );
}

/** @throws (as a rejection) Refusal @internal */
export async function readLetters(
  place: ActionPlace,
  { stream, group, partition, limit, values }: LettersRequest,
): Promise<DeadLetterPage> {
  try {
    const asked = { partition, limit: limit + 1 };
    const letters = await groupIn(place, stream, group).deadLetters(asked);
    return {
      letters: letters.slice(0, limit).map((letter) => letterText(letter, values)),
      more: letters.length > limit,
    };
  } catch (error) {
    throw refusalOf(error);
  }
}

async function perform(place: ActionPlace, action: Action): Promise<ActionResult> {
  const { name, of } = action;
  switch (name) {
    case "restart":
      return await restart(place, of);
    case "terminate": {
      const { row, ref, child } = findChild(place, of);
      const isDynamic = child.of.strategy === "dynamic";
      await handleOf(child.of).terminateChild(isDynamic ? (ref ?? row.name) : row.name);
      return { text: `${row.name} is terminated`, count: 1, subject: row.path };
    }
    case "retry":
    case "drop": {
      const count = await groupIn(place, of.stream, of.group)[name](of.ids);
      const what = name === "retry" ? "will be handled again" : "removed";
      const text = `${counted(count, "dead letter")} of ${of.group} ${what}`;
      return { text, count, subject: subjectOf(place, of) };
    }
    case "pause":
    case "resume":
    case "seek":
      return await direct(place, action);
  }
}

/** Pauses, resumes or moves a cluster group. */
async function direct(
  place: ActionPlace,
  { name, of }: Extract<Action, { of: GroupTarget }>,
): Promise<ActionResult> {
  const group = groupIn(place, of.stream, of.group);
  const partition = of.partition ?? "all";
  const count = partition === "all" ? (await group.status()).length : 1;
  if (name === "seek") await group.seek(of.to, partition);
  else await group[name](partition);
  const where = partition === "all" ? counted(count, "partition") : `partition ${partition}`;
  const what = { pause: "is paused", resume: "goes on", seek: "goes on" }[name];
  const from = name === "seek" ? ` from ${of.to}` : "";
  return { text: `${of.group} ${what}${from}: ${where}`, count, subject: subjectOf(place, of) };
}

/**
 * A child of a children list is ended and started again, which counts as no restart, and touches no
 * sibling. A dynamic supervisor starts nothing by an id: it restarts what is killed.
 */
async function restart(place: ActionPlace, target: ChildTarget): Promise<ActionResult> {
  const { row, ref, child } = findChild(place, target);
  const supervisor = handleOf(child.of);
  if (child.of.strategy === "dynamic") {
    if (ref === undefined || row.restart === "temporary")
      throw new Refusal(409, `${row.name} is not started again: its supervisor is dynamic`);
    await ref.kill();
    const text = `${row.name} is killed, and started again by its supervisor`;
    return { text, count: 1, subject: row.path };
  }
  if (row.state !== "stopped") await supervisor.terminateChild(row.name);
  await supervisor.restartChild(row.name);
  return { text: `${row.name} is started again`, count: 1, subject: row.path };
}

type ChildEntry = TreeEntry & Required<Pick<TreeEntry, "child">> & { child: object };

/** @throws Refusal */
function findChild(place: ActionPlace, { child, incarnation }: ChildTarget): ChildEntry {
  const entry = place.tree().find(({ row }) => row.id === child);
  if (entry === undefined) throw new Refusal(404, "there is no such child any more");
  const { row } = entry;
  if (entry.child === undefined) throw new Refusal(409, `${row.name} has no supervisor`);
  if (row.incarnation !== incarnation)
    throw new Refusal(409, `${row.name} has been started again meanwhile`);
  if (`${place.self.path}/`.startsWith(`${row.path}/`))
    throw new Refusal(409, `the inspector runs in ${row.name}: it can't end itself`);
  return entry as ChildEntry;
}

function groupIn(place: ActionPlace, stream: string, group: string): ClusterGroup {
  const { slot, journal } = place.stream(stream);
  if (journal === null)
    throw new Refusal(409, `${slot.name} has no journal, in which cluster groups are kept`);
  return clusterGroup(slot.handle as Cache, group);
}

function subjectOf(place: ActionPlace, of: { stream: string; partition?: number | null }): string {
  const { name } = place.stream(of.stream).slot;
  return typeof of.partition === "number" ? `${name}/${of.partition}` : name;
}

/** What the user is told in place of an error. */
function refusalOf(error: unknown): unknown {
  if (error instanceof Refusal) return error;
  if (error instanceof JournalError) return new Refusal(503, error.message, { cause: error });
  if (error instanceof OptionError) return new Refusal(400, error.message, { cause: error });
  if (error instanceof SupervisorError) {
    const why = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    return new Refusal(409, `${error.message}${why}`, { cause: error });
  }
  return error instanceof NebulexError ? new Refusal(409, error.message, { cause: error }) : error;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
