import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Behavior, StartContext } from "../../src/actor.js";
import { type ActorOptions, type ActorRef, actor, type ChildSpec } from "../../src/actor.js";

/** Lets the event loop turn until `condition` holds; fails after a great many turns. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 20_000; turn++) {
    if (await condition()) return;
    await nextTurn();
  }
  throw new Error(`never came true: ${condition.toString()}`);
}

/** Lets whatever is under way come to rest, so that what must not happen would have happened. */
export async function rest(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await nextTurn();
}

/** What a promise rejects with; handled from the call on, so that it can be looked at later. */
export function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error("expected a rejection", { cause: value });
    },
    (error: unknown) => error,
  );
}

/** The messages on a diagnostics channel during a test; to be disposed. */
export class Listener<Message> implements Disposable {
  readonly messages: Message[] = [];
  readonly #name: string;
  readonly #hear = (message: unknown): void => void this.messages.push(message as Message);

  constructor(name: string) {
    this.#name = name;
    subscribe(name, this.#hear);
  }

  [Symbol.dispose](): void {
    unsubscribe(this.#name, this.#hear);
  }
}

/** A promise that is settled from outside. */
export class Gate<T = void> {
  readonly promise: Promise<T>;
  open!: (value: T) => void;
  fail!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
  }
}

/** What a worker of {@link Log} understands. */
export type Order = "crash" | "stop" | { reply: { dispatch(id: string): void } } | (() => unknown);

type Settings = Partial<Omit<ActorOptions<string, Order>, "id">>;

/** Workers that write down when they start and how they end, as `+id` and `-id:reason`. */
export class Log {
  readonly lines: string[] = [];
  /** The incarnations of each id, oldest first. */
  readonly refs = new Map<string, ActorRef<Order>[]>();

  /** What has been written since the last look. */
  take(): string[] {
    return this.lines.splice(0);
  }

  /** The newest incarnation. */
  ref(id: string): ActorRef<Order> {
    const ref = this.refs.get(id)?.at(-1);
    if (ref === undefined) throw new Error(`${id} has never been started`);
    return ref;
  }

  /** Does something, and waits for the next incarnation of `id`. */
  async reborn(id: string, action: () => unknown): Promise<ActorRef<Order>> {
    const before = this.refs.get(id)?.length ?? 0;
    await action();
    await until(() => (this.refs.get(id)?.length ?? 0) > before && this.ref(id).alive);
    return this.ref(id);
  }

  /** Has the newest incarnation crash, and waits for the next. */
  crash(id: string): Promise<ActorRef<Order>> {
    return this.reborn(id, () => this.ref(id).dispatch("crash"));
  }

  behavior(id: string, settings: Settings = {}): Behavior<string, Order> {
    return {
      init: async (ctx) => {
        const state = (await settings.init?.(ctx)) ?? id;
        this.lines.push(`+${id}`);
        this.refs.set(id, [...(this.refs.get(id) ?? []), ctx.self]);
        return state;
      },
      receive: (state, order, ctx) => {
        if (settings.receive !== undefined) return settings.receive(state, order, ctx);
        if (order === "crash") throw new Error(`crash of ${id}`);
        if (order === "stop") ctx.stop();
        else if (typeof order === "function") order();
        else order.reply.dispatch(id);
        return state;
      },
      terminate: async (reason, state, ctx) => {
        await settings.terminate?.(reason, state, ctx);
        this.lines.push(`-${id}:${nameOf(reason)}`);
      },
    };
  }

  worker(id: string, settings: Settings = {}): ChildSpec {
    const { restart, shutdown, significant } = settings;
    return actor({
      id,
      ...this.behavior(id, settings),
      ...(restart === undefined ? {} : { restart }),
      ...(shutdown === undefined ? {} : { shutdown }),
      ...(significant === undefined ? {} : { significant }),
    });
  }

  /** A worker whose nth start (from 1) fails, is ignored, or hangs, where `outcome` says so. */
  fickle(
    id: string,
    outcome: (start: number) => "up" | "fail" | "ignore" | Promise<never>,
    settings: Settings = {},
  ): ChildSpec & { starts: () => number } {
    let starts = 0;
    const spec = this.worker(id, settings);
    return Object.defineProperty(
      {
        ...spec,
        start: async (parent: StartContext) => {
          const now = await outcome(++starts);
          if (now === "fail") throw new Error(`start ${starts} of ${id} failed`);
          return now === "ignore" ? now : spec.start(parent);
        },
      },
      "starts",
      { value: () => starts, enumerable: false },
    ) as ChildSpec & { starts: () => number };
  }
}

function nameOf(reason: unknown): string {
  if (reason instanceof Error) return reason.message;
  return typeof reason === "string" ? reason : (JSON.stringify(reason) ?? "undefined");
}
