import type { DeadLetter } from "../group/dead-letter.js";
import type { LetterText } from "./protocol.js";
import { clip, errorText, keyText, valueText } from "./text.js";

const maxKeys = 20;

/** A dead letter as the page shows it. @internal */
export function letterText(letter: DeadLetter, values: boolean): LetterText {
  const { id, partition, position, event, error, attempts, time } = letter;
  const value = event.values ?? event.value;
  const previous = event.previousValues ?? event.previous;
  const shown = (of: unknown): string | null => (values && of !== undefined ? valueText(of) : null);
  return {
    id,
    partition,
    position,
    time,
    attempts,
    type: event.type,
    command: clip(event.command, 100),
    node: clip(event.metadata.node, 200),
    keys: keysIn(event),
    value: shown(value),
    previous: shown(previous),
    error: errorText({ ...error, stack: undefined }) ?? { name: "Error", message: "", stack: null },
  };
}

function keysIn({ target }: DeadLetter["event"]): string[] {
  if (target.kind === "query") return [target.query === null ? "all" : `${target.query.prefix}*`];
  return (target.kind === "key" ? [target.key] : target.keys.slice(0, maxKeys)).map(keyText);
}
