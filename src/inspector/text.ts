import { inspect } from "node:util";
import { type ExitReason, isCleanExit } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import type { Milliseconds } from "../options.js";
import type { ErrorText, Exit } from "./snapshot.js";

const maxName = 100;
const maxMessage = 2000;
const maxStack = 4000;
const maxLine = 300;
const maxDetail = 500;
const maxKey = 200;
const maxValue = 2000;

/** At most that many characters. @internal */
export function clip(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 3)}...`;
}

/** One line of a timeline. @internal */
export function line(text: string): string {
  return clip(text.replaceAll(/\s+/g, " "), maxLine);
}

/** What was thrown, as text; null: it is no error. @internal */
export function errorText(thrown: unknown): ErrorText | null {
  // An error may be of another realm, and its fields may be anything.
  const { name, message, stack } = fieldsOf(thrown);
  if (typeof message !== "string") return null;
  return {
    name: clip(typeof name === "string" && name !== "" ? name : "Error", maxName),
    message: clip(message, maxMessage),
    stack: typeof stack === "string" && stack !== "" ? clip(stack, maxStack) : null,
  };
}

/** What was thrown, or why an actor ended, on one line. @internal */
export function reasonText(reason: unknown): string {
  if (typeof reason === "string") return line(reason);
  const error = errorText(reason);
  return line(error === null ? shown(reason, maxLine) : `${error.name}: ${error.message}`);
}

/** @internal */
export function exitOf(reason: ExitReason, time: Milliseconds): Exit {
  return {
    time,
    clean: isCleanExit(reason),
    reason: reasonText(reason),
    error: errorText(reason),
  };
}

/** A value among the details of a timeline. @internal */
export function detail(value: unknown): string {
  if (typeof value === "string") return clip(value, maxDetail);
  return ActorRef.isRef(value) ? clip(value.path, maxDetail) : shown(value, maxDetail);
}

/** @internal */
export function keyText(key: unknown): string {
  return typeof key === "string" ? clip(key, maxKey) : shown(key, maxKey);
}

/** @internal */
export function valueText(value: unknown): string {
  return shown(value, maxValue);
}

function shown(value: unknown, length: number): string {
  try {
    const limits = { depth: 4, maxArrayLength: 50, maxStringLength: length };
    return clip(inspect(value, { ...limits, customInspect: false, breakLength: 100 }), length);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** The fields may be getters that throw. */
function fieldsOf(thrown: unknown): { name?: unknown; message?: unknown; stack?: unknown } {
  if (typeof thrown !== "object" || thrown === null) return {};
  try {
    const { name, message, stack } = thrown as Partial<Error>;
    return { name, message, stack };
  } catch {
    return {};
  }
}
