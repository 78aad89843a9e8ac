/** A process and its child call each other's functions, over the channel that `fork` opens. */
import type { ChildProcess } from "node:child_process";

type Message =
  | { readonly kind: "call"; readonly id: number; readonly name: string; readonly args: unknown[] }
  | { readonly kind: "result"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly error: string };

/** The child or, in the child, `process`. */
type Other = ChildProcess | NodeJS.Process;

interface Caller {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** What one process may ask of the other. */
export type Api<T> = { readonly [Name in keyof T]: (...args: never[]) => unknown };

/** Calls a function of the other process. */
export type Call<Theirs extends Api<Theirs>> = <Name extends keyof Theirs & string>(
  name: Name,
  ...args: Parameters<Theirs[Name]>
) => Promise<Awaited<ReturnType<Theirs[Name]>>>;

/** A function that calls those of the other process; it rejects with what they throw, and when the other process has ended. */
export function callsTo<Theirs extends Api<Theirs>>(other: Other): Call<Theirs> {
  const callers = new Map<number, Caller>();
  let last = 0;
  listen(other, (message) => {
    if (message.kind === "call") return;
    const caller = callers.get(message.id);
    callers.delete(message.id);
    if (message.kind === "result") caller?.resolve(message.value);
    else caller?.reject(new Error(message.error));
  });
  (other as NodeJS.Process).once("disconnect", () => {
    for (const { reject } of callers.values()) reject(new Error("the other process has ended"));
  });
  return (name, ...args) =>
    new Promise((resolve, reject) => {
      if (!other.connected) throw new Error("the other process has ended");
      const id = ++last;
      callers.set(id, { resolve: resolve as (value: unknown) => void, reject });
      send(other, { kind: "call", id, name, args });
    });
}

/** Has the other process call the methods of `own`. */
export function answerCalls(other: Other, own: object): void {
  listen(other, (message) => {
    if (message.kind === "call") void answer(message.id, message.name, message.args);
  });
  async function answer(id: number, name: string, args: unknown[]): Promise<void> {
    try {
      const method = Reflect.get(own, name) as (...args: unknown[]) => unknown;
      send(other, { kind: "result", id, value: await method.apply(own, args) });
    } catch (error) {
      send(other, { kind: "failure", id, error: String(error) });
    }
  }
}

function listen(other: Other, fn: (message: Message) => void): void {
  (other as NodeJS.Process).on("message", (message) => fn(message as Message));
}

function send(other: Other, message: Message): void {
  // It may end at any time, and whoever waits for its answer is told so.
  if (other.connected) other.send?.(message, undefined, undefined, () => {});
}
