import { causeOf, type Cause } from "../event/event.js";

/** A command and the causes that all handles without an origin share. */
export interface Command {
  readonly name: string;
  readonly plain: Cause;
  readonly fill: Cause;
}

function command(name: string): Command {
  return { name, plain: causeOf(name), fill: causeOf(name, null, true) };
}

/** All commands, by their names. */
export const commands = {
  get: command("get"),
  fetch: command("fetch"),
  has: command("has"),
  ttl: command("ttl"),
  put: command("put"),
  putNew: command("putNew"),
  replace: command("replace"),
  putAll: command("putAll"),
  putNewAll: command("putNewAll"),
  delete: command("delete"),
  take: command("take"),
  expire: command("expire"),
  touch: command("touch"),
  increment: command("increment"),
  decrement: command("decrement"),
  update: command("update"),
  getOrStore: command("getOrStore"),
  fetchOrStore: command("fetchOrStore"),
  getAll: command("getAll"),
  deleteAll: command("deleteAll"),
  countAll: command("countAll"),
  invalidate: command("invalidate"),
  invalidateAll: command("invalidateAll"),
  stream: command("stream"),
} as const;

/** @internal */
export const commandNames = Object.keys(commands) as (keyof typeof commands)[];

/** Commands that do not change the value of an entry. @internal */
export const valueKeeping: ReadonlySet<string> = new Set([
  commands.expire.name,
  commands.touch.name,
]);

/** The causes of one origin, each made on first use. @internal */
export class OriginCauses {
  readonly #origin: unknown;
  readonly #plain = new Map<Command, Cause>();
  readonly #fill = new Map<Command, Cause>();

  constructor(origin: unknown) {
    this.#origin = origin;
  }

  of(command: Command, fill: boolean): Cause {
    const made = fill ? this.#fill : this.#plain;
    let cause = made.get(command);
    if (cause === undefined) {
      cause = causeOf(command.name, this.#origin, fill);
      made.set(command, cause);
    }
    return cause;
  }
}
