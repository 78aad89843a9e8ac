import { setImmediate as turn } from "node:timers/promises";
import {
  actor,
  type ActorOptions,
  type ActorRef,
  type ChildSpec,
  type ExitReason,
  type ReplyTo,
  type StartContext,
} from "nebulex-streams/actor";

export const one = { strategy: "one_for_one" } as const;

/** What a worker on the {@link Stage} is told. */
export type Cue = { throw: unknown } | { end: ExitReason } | { count: ReplyTo<number> };

type Part = Partial<Omit<ActorOptions<number, Cue>, "id" | "receive">>;
type Outcome = "up" | "fail" | "ignore" | "hang";

/** Workers that write `up <id>` and `down <id> <reason>` onto one tape. */
export class Stage {
  readonly #tape: string[] = [];
  readonly #lives = new Map<string, ActorRef<Cue>[]>();

  /** What was written since it was last read. */
  read(): string[] {
    return this.#tape.splice(0);
  }

  note(line: string): void {
    this.#tape.push(line);
  }

  /** How often a worker has come up. */
  lives(id: string): number {
    return this.#lives.get(id)?.length ?? 0;
  }

  /** The newest incarnation of a worker. */
  ref(id: string): ActorRef<Cue> {
    const ref = this.#lives.get(id)?.at(-1);
    if (ref === undefined) throw new Error(`${id} was never up`);
    return ref;
  }

  worker(id: string, part: Part = {}): ChildSpec {
    return actor<number, Cue>({
      ...part,
      id,
      init: async (ctx) => {
        await part.init?.(ctx);
        this.note(`up ${id}`);
        this.#lives.set(id, [...(this.#lives.get(id) ?? []), ctx.self]);
        return 0;
      },
      receive: (count, cue, ctx) => {
        if ("throw" in cue) throw cue.throw;
        if ("end" in cue) ctx.stop(cue.end);
        else cue.count.dispatch(count + 1);
        return count + 1;
      },
      terminate: async (reason, count, ctx) => {
        await part.terminate?.(reason, count, ctx);
        this.note(`down ${id} ${text(reason)}`);
      },
    });
  }

  /** A worker whose nth start, from 1, does as the script says. */
  fickle(id: string, script: (start: number) => Outcome, part: Part = {}): ChildSpec {
    let starts = 0;
    const spec = this.worker(id, part);
    return {
      ...spec,
      start: async (parent: StartContext) => {
        const outcome = script(++starts);
        if (outcome === "fail") {
          this.note(`fail ${id}`);
          throw new Error(`start ${starts} of ${id}`);
        }
        if (outcome === "hang") await forever();
        return outcome === "ignore" ? "ignore" : spec.start(parent);
      },
    };
  }

  /** Cues the newest incarnation and waits for its death; gives its ref. */
  async end(id: string, cue: Cue): Promise<ActorRef<Cue>> {
    const ref = this.ref(id);
    ref.dispatch(cue);
    await eventually(() => !ref.alive);
    return ref;
  }

  /** Cues the newest incarnation and waits for the next; gives its ref. */
  async reborn(id: string, cue: Cue = { throw: new Error(id) }): Promise<ActorRef<Cue>> {
    const lives = this.lives(id);
    await this.end(id, cue);
    await eventually(() => this.lives(id) > lives);
    return this.ref(id);
  }
}

export const forever = (): Promise<never> => new Promise(() => {});

/** How many messages an incarnation has had: 1 for a fresh one. */
export function count(ref: ActorRef<Cue>): Promise<number> {
  return ref.query((replyTo: ReplyTo<number>): Cue => ({ count: replyTo }), 5000);
}

/** Lets the event loop turn until it is so. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; turns < 20_000; turns++) {
    if (await holds()) return;
    await turn();
  }
  throw new Error(`never: ${holds.toString()}`);
}

/** Lets the event loop turn often enough for what must not happen. */
export async function quiet(): Promise<void> {
  for (let turns = 0; turns < 40; turns++) await turn();
}

/** What is thrown, now or later; a value is an error of the test. */
export async function caught(promise: Promise<unknown> | (() => unknown)): Promise<unknown> {
  let value: unknown;
  try {
    value = await (typeof promise === "function" ? promise() : promise);
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown", { cause: value });
}

/** A promise and what settles it. */
export function gate<T = void>(): { promise: Promise<T>; open: (value: T) => void } {
  let open!: (value: T) => void;
  const promise = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

function text(reason: unknown): string {
  if (reason instanceof Error) return reason.message;
  return typeof reason === "string" ? reason : (JSON.stringify(reason) ?? String(reason));
}
