import { channel } from "node:diagnostics_channel";
import { setTimeout } from "../timers.js";
import { report } from "./reports.js";

/** How long further warnings of one place are only counted, in milliseconds. */
const interval = 60_000;
/** Places that are counted one by one; further ones are counted together. */
const maxPlaces = 1000;
const otherPlaces = "further places";

interface Further {
  count: number;
  /** Of the newest: a text, since an error may hold on to whatever it is about. */
  text: string;
}

/** What a subscriber to the channel of warnings is given. @internal */
export interface WarningMessage {
  /** Its kind and place. */
  readonly what: string;
  /**
   * 0: it is the first. Else: there were so many more within a minute, and `error` is the newest
   * one's text.
   */
  readonly repeats: number;
  readonly error: unknown;
}

type Emit = (message: WarningMessage) => void;

/** What has been warned of within the last minute, by place. */
const recent = new Map<string, Further>();

/** @internal */
export const warningChannel = channel("nebulex.warning");

/**
 * Warns of what would otherwise be silent: on the channel of warnings or, if it has no subscriber,
 * as a process warning (`NebulexWarning`). The first of a place is emitted at once; further ones
 * are counted, and the newest is emitted with their count after a minute.
 *
 * @param what its kind and place
 * @internal
 */
export function warnOfError(what: string, error: unknown, emit: Emit = emitWarning): void {
  const place = recent.has(what) || recent.size < maxPlaces ? what : otherPlaces;
  const further = recent.get(place);
  if (further !== undefined) {
    further.count++;
    further.text = textOf(error);
    return;
  }
  count(place, emit);
  emit({ what, repeats: 0, error });
}

/**
 * The same for what was reported on a channel of its own, which has no subscriber: what observes
 * reports has it already.
 *
 * @internal
 */
export function warnOfReported(what: string, error: unknown): void {
  warnOfError(what, error, warnOperator);
}

function count(place: string, emit: Emit): void {
  const further: Further = { count: 0, text: "" };
  recent.set(place, further);
  setTimeout(() => {
    recent.delete(place);
    if (further.count === 0) return;
    count(place, emit);
    emit({ what: place, repeats: further.count, error: further.text });
  }, interval).unref();
}

function emitWarning(message: WarningMessage): void {
  if (!report(warningChannel, () => message)) emitProcessWarning(message);
}

function warnOperator(message: WarningMessage): void {
  if (warningChannel.hasSubscribers) warningChannel.publish(message);
  else emitProcessWarning(message);
}

/** @internal */
export function emitProcessWarning({ what, repeats, error }: WarningMessage): void {
  const detail = repeats === 0 ? what : `${what}: ${repeats} more within a minute; the last one`;
  process.emitWarning(textOf(error), { type: "NebulexWarning", detail });
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stack } = error;
  return stack !== undefined && stack !== "" ? stack : error.message;
}
