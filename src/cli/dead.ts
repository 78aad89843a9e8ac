import type { DeadLetter } from "../group/dead-letter.js";
import { restingLetters } from "../group/group-state.js";
import type { KeptDeadLetter } from "../journal/engine.js";
import { reasonOf } from "../pubsub/broker-session.js";
import type { DeadOptions } from "./group-arguments.js";
import { noGroup, placeOf } from "./groups.js";
import {
  checkPartition,
  journalStream,
  type JournalConnection,
  type JournalStream,
  NotFound,
} from "./journal.js";
import type { Output } from "./output.js";
import { encodedLine, plainEvent, printable, targetText, timeText } from "./show-event.js";
import { table } from "./table.js";

/**
 * Lists dead letters.
 *
 * @throws (as a rejection) NotFound
 * @internal
 */
export async function listDead(
  options: DeadOptions,
  { engine }: JournalConnection,
  output: Output,
): Promise<void> {
  const stream = await journalStream(engine, options);
  checkPartition(stream, options.partition);
  await checkGroup(stream, options.group);
  const unreadable: { letter: KeptDeadLetter; why: string }[] = [];
  const { partition, limit } = options;
  const letters = await restingLetters(
    placeOf(stream, options.group),
    { partition: partition ?? undefined, limit },
    (letter, error) => unreadable.push({ letter, why: reasonOf(error) }),
  );
  for (const { letter, why } of unreadable)
    output.say(printable(`dead letter ${letter.id} can't be read: ${why}`));
  if (options.json) for (const letter of letters) output.write(`${jsonOf(letter)}\n`);
  else if (letters.length > 0) output.write(`${letterLines(letters).join("\n")}\n`);
  const count = letters.length + unreadable.length;
  if (count === 0) output.say(printable(`group ${options.group} has no dead letters`));
  if (count === limit) output.say(`there may be more: --limit ${limit}`);
}

/** @throws (as a rejection) NotFound @internal */
export async function checkGroup(stream: JournalStream, group: string): Promise<void> {
  if (!(await stream.engine.groups(stream.address)).includes(group))
    throw new NotFound(noGroup(stream, group));
}

const heading = ["id", "partition", "position", "key", "error", "attempts", "time"];
/** Characters of an error that are shown. */
const maxError = 80;

/** @internal */
export function letterLines(letters: readonly DeadLetter[]): string[] {
  return table([heading, ...letters.map(cells)]);
}

function cells({ id, partition, position, event, error, attempts, time }: DeadLetter): string[] {
  const what = `${error.name}: ${error.message}`;
  return [
    id,
    String(partition),
    String(position),
    targetText(event.target),
    what.length > maxError ? `${what.slice(0, maxError)}...` : what,
    String(attempts),
    timeText(time),
  ].map(printable);
}

function jsonOf({ event, ...letter }: DeadLetter): string {
  return encodedLine({ ...letter, event: plainEvent(event) });
}
