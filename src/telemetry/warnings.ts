import { setTimeout } from "../timers.js";

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

/** What has been warned of within the last minute, by place. */
const recent = new Map<string, Further>();

/**
 * Emits a process warning (`NebulexWarning`) of what would otherwise be silent. The first of a
 * place is emitted at once; further ones are counted, and the newest is emitted with their count
 * after a minute.
 *
 * @param what its kind and place
 * @internal
 */
export function warnOfError(what: string, error: unknown): void {
  const place = recent.has(what) || recent.size < maxPlaces ? what : otherPlaces;
  const further = recent.get(place);
  if (further !== undefined) {
    further.count++;
    further.text = textOf(error);
    return;
  }
  emit(what, textOf(error));
  count(place);
}

function count(place: string): void {
  const further: Further = { count: 0, text: "" };
  recent.set(place, further);
  setTimeout(() => {
    recent.delete(place);
    if (further.count === 0) return;
    emit(`${place}: ${further.count} more within a minute; the last one`, further.text);
    count(place);
  }, interval).unref();
}

function emit(detail: string, text: string): void {
  process.emitWarning(text, { type: "NebulexWarning", detail });
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { stack } = error;
  return stack !== undefined && stack !== "" ? stack : error.message;
}
