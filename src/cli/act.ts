import { restingLetters } from "../group/group-state.js";
import type { GroupPartition } from "../journal/engine.js";
import type { JournalPosition } from "./argument-values.js";
import { checkGroup, letterLines } from "./dead.js";
import type { ActOptions } from "./group-arguments.js";
import { groupTable, type GroupTable, placeOf } from "./groups.js";
import {
  checkPartition,
  journalStream,
  type JournalConnection,
  type JournalStream,
} from "./journal.js";
import type { Output } from "./output.js";
import { jsonText, printable } from "./show-event.js";
import { UsageError } from "./usage.js";

/** Dead letters among which those that are named are looked for, to show them. */
const maxRead = 10_000;

/** What is about to be done, and how. */
interface Plan {
  /** What will be done, for the user. */
  readonly lines: readonly string[];
  /** What is asked. */
  readonly question: string;
  /** Does it. */
  carryOut(): Promise<Outcome>;
}

interface Outcome {
  /** What has been done, for the user. */
  readonly lines: readonly string[];
  /** The same as data. */
  readonly done: object;
  /** Whether some of it was not there. */
  readonly isPartial: boolean;
}

/**
 * Says what it will do to a group, asks, does it, and says what it has done.
 *
 * @returns `done`; `partial`: some of what was named was not there; `declined`: nothing was done
 * @throws (as a rejection) NotFound; UsageError where nobody can be asked
 * @internal
 */
export async function act(
  options: ActOptions,
  { engine }: JournalConnection,
  output: Output,
): Promise<"done" | "partial" | "declined"> {
  const { json, yes, group } = options;
  const stream = await journalStream(engine, options);
  checkPartition(stream, options.partition);
  await checkGroup(stream, group);
  const plan = await planOf(stream, options);
  for (const line of plan.lines) output.say(printable(line));
  if (!yes && !(await isConfirmed(plan.question, output))) {
    output.say("nothing was done");
    return "declined";
  }
  const { lines, done, isPartial } = await plan.carryOut();
  const { cache, name } = stream.address;
  if (json) output.write(jsonText({ cache, name, group, action: options.action.kind, ...done }));
  else output.write(lines.map((line) => `${printable(line)}\n`).join(""));
  return isPartial ? "partial" : "done";
}

async function isConfirmed(question: string, { ask }: Output): Promise<boolean> {
  if (ask === undefined)
    throw new UsageError("there is no terminal to ask on: expected --yes, got none");
  const answer = await ask(`${printable(question)} [y/N] `);
  return /^\s*y(?:es)?\s*$/i.test(answer);
}

async function planOf(stream: JournalStream, options: ActOptions): Promise<Plan> {
  const { action, group, partition } = options;
  if (action.kind === "retry" || action.kind === "drop")
    return lettersPlan(stream, group, action.kind, action.ids);
  if (
    action.kind === "seek" &&
    typeof action.to === "number" &&
    partition === null &&
    stream.count > 1
  )
    throw new UsageError(
      `option --partition: expected a partition, as a position belongs to one of the ${stream.count}, got none`,
    );
  const table = await groupTable(stream, group, partition);
  return action.kind === "seek"
    ? seekPlan(stream, table, action.to)
    : pausePlan(stream, table, action.kind === "pause");
}

function pausePlan(stream: JournalStream, table: GroupTable, paused: boolean): Plan {
  const { engine } = stream;
  const what = paused
    ? "nothing more is handled until it is resumed; what is in hand is finished"
    : "its owners go on from their positions";
  const partitions = table.partitions.map(({ partition }) => partition);
  const verb = paused ? "pause" : "resume";
  return {
    lines: [
      `${verb} group ${table.group} of stream ${stream.address.name}: ${what}`,
      ...table.partitions.map(
        ({ partition, owner, position, lag, paused: isPaused }) =>
          `  partition ${partition}: ${isPaused ? "is paused" : "is not paused"}, owner ${owner ?? "nobody"}, position ${position}, ${counted(lag, "event")} behind`,
      ),
    ],
    question: `${verb} ${counted(partitions.length, "partition")} of group ${table.group}?`,
    carryOut: async () => {
      await Promise.all(
        partitions.map((index) => engine.setPaused(of(stream, table.group, index), paused)),
      );
      return {
        lines: [
          `${paused ? "paused" : "resumed"} ${counted(partitions.length, "partition")} of group ${table.group}: ${partitions.join(", ")}`,
        ],
        done: { partitions },
        isPartial: false,
      };
    },
  };
}

async function seekPlan(
  stream: JournalStream,
  { group, partitions }: GroupTable,
  to: JournalPosition,
): Promise<Plan> {
  const { engine, address } = stream;
  const moves = await Promise.all(
    partitions.map(async ({ partition, position }) => {
      const { first, next } = await engine.bounds({ ...address, partition });
      return { partition, position, target: targetOf(to, first, next) };
    }),
  );
  return {
    lines: [
      `move group ${group} of stream ${address.name}, once its owners have finished what is in hand:`,
      ...moves.map(
        ({ partition, position, target }) =>
          `  partition ${partition}: from position ${position} to ${target}${to === target ? "" : ` (${to})`}, ${consequence(target - position)}`,
      ),
    ],
    question: `move ${counted(moves.length, "partition")} of group ${group}?`,
    carryOut: async () => {
      const moved = await Promise.all(
        moves.map(async ({ partition, position: from }) => {
          const position = await engine.seek(of(stream, group, partition), to);
          return { partition, from, position };
        }),
      );
      return {
        lines: moved.map(
          ({ partition, from, position }) =>
            `moved partition ${partition} of group ${group} from position ${from} to ${position}`,
        ),
        done: { partitions: moved },
        isPartial: false,
      };
    },
  };
}

/** As the engine does it: the nearest that is kept or comes next. */
function targetOf(to: JournalPosition, first: number, next: number): number {
  if (to === "earliest") return first;
  if (to === "latest") return next;
  return Math.min(Math.max(to, first), next);
}

function consequence(distance: number): string {
  if (distance === 0) return "where it is";
  return distance > 0
    ? `${counted(distance, "event")} not handled any more`
    : `${counted(-distance, "event")} handled again`;
}

async function lettersPlan(
  stream: JournalStream,
  group: string,
  kind: "retry" | "drop",
  ids: readonly string[] | "all",
): Promise<Plan> {
  const { engine, address } = stream;
  const { partitions } = await groupTable(stream, group);
  const counts = partitions.filter(({ deadLetters }) => deadLetters > 0);
  const what = kind === "retry" ? "have handled again" : "remove";
  const total = counts.reduce((sum, { deadLetters }) => sum + deadLetters, 0);
  const number = counted(ids === "all" ? total : ids.length, "dead letter");
  const lines =
    ids === "all"
      ? counts.map(
          ({ partition, deadLetters }) =>
            `  partition ${partition}: ${counted(deadLetters, "dead letter")}`,
        )
      : await shownLetters(stream, group, ids);
  return {
    lines: [
      `${what} ${ids === "all" ? "all " : ""}${number} of group ${group} of stream ${address.name}${lines.length === 0 ? "" : ":"}`,
      ...lines,
    ],
    question: `${what} ${number}?`,
    carryOut: async () => {
      const each = await Promise.all(
        partitions.map(({ partition }) => engine[kind](of(stream, group, partition), ids)),
      );
      const count = each.reduce((sum, one) => sum + one, 0);
      const missing = ids === "all" ? 0 : ids.length - count;
      const verb = kind === "retry" ? "will be handled again" : "removed";
      return {
        lines: [
          `${counted(count, "dead letter")} of group ${group} ${verb}`,
          ...(missing > 0 ? [`${counted(missing, "id")} not found among its dead letters`] : []),
        ],
        done: { count, missing },
        isPartial: missing > 0,
      };
    },
  };
}

async function shownLetters(
  stream: JournalStream,
  group: string,
  ids: readonly string[],
): Promise<string[]> {
  const wanted = new Set(ids);
  // What can't be read is shown by its id.
  const letters = await restingLetters(
    placeOf(stream, group),
    { partition: undefined, limit: maxRead },
    () => {},
  );
  const found = letters.filter(({ id }) => wanted.has(id));
  for (const { id } of found) wanted.delete(id);
  return [
    ...(found.length === 0 ? [] : letterLines(found)),
    ...Array.from(wanted, (id) => `${id}  not among the first ${maxRead} that can be read`),
  ].map((line) => `  ${line}`);
}

function of({ address }: JournalStream, group: string, partition: number): GroupPartition {
  const { cache, name } = address;
  return { cache, name, group, partition };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
