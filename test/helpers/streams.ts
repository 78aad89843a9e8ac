import {
  type ActorRef,
  type ActorSystem,
  type Cache,
  type CacheEntryEvent,
  type ChildLike,
  type Clock,
  defineCache,
  type GapEvent,
  handlerPool,
  type HandlerPoolOptions,
  startSupervisor,
  type Strategy,
  type StreamMessage,
  streamServer,
  type StreamServerOptions,
  type Supervisor,
  supervisorOf,
} from "../../src/index.js";
import { until } from "./actors.js";

export type Users = Cache<string, number>;
export type UserEvent = CacheEntryEvent<string, number, ActorRef>;
export type UserMessage = StreamMessage<string, number>;

/** A message of `nebulex.streams.broadcast`. */
export interface BroadcastReport {
  status: "ok" | "error";
  reason: unknown;
  pubsub: null;
  topic: string | null;
  event: UserEvent;
}

export interface TreeOptions {
  cache?: Users;
  stream?: Omit<Partial<StreamServerOptions<string, number>>, "cache">;
  /** Behind the stream server. */
  children?: (cache: Users) => ChildLike[];
  strategy?: Strategy;
  maxRestarts?: number;
  system?: ActorSystem;
  clock?: Clock;
}

/** A running tree of a cache `users`, its stream server, and what else is asked for. To be disposed. */
export class Tree implements AsyncDisposable {
  readonly sup: Supervisor;
  readonly users: Users;

  constructor(sup: Supervisor, users: Users) {
    this.sup = sup;
    this.users = users;
  }

  static async start(options: TreeOptions = {}): Promise<Tree> {
    const users = options.cache ?? defineCache<string, number>({ name: "users" });
    const { system, clock } = options;
    const sup = await startSupervisor({
      strategy: options.strategy ?? "rest_for_one",
      maxRestarts: options.maxRestarts ?? 1000,
      children: [
        users,
        streamServer({ cache: users, ...options.stream }),
        ...(options.children?.(users) ?? []),
      ],
      ...(system === undefined ? {} : { system }),
      ...(clock === undefined ? {} : { clock }),
    });
    return new Tree(sup, users);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.sup.stop();
  }

  /** Notes what a reader of all partitions receives. */
  readAll(): Notes {
    const notes = new Notes();
    this.users.subscribe(notes.note, { partition: "all", gaps: true });
    return notes;
  }

  /** The live incarnation of a child of the tree. */
  ref(id: string): Promise<ActorRef> {
    return childOf(this.sup, id);
  }

  /** The live incarnation of a pool's worker. */
  async worker(index: number, pool = "users:handlers"): Promise<ActorRef> {
    return childOf(supervisorOf(await this.ref(pool)), `${pool}:${index}`);
  }

  /** Ends a child in some way, and waits for its next incarnation. */
  async reborn(id: string, end: (ref: ActorRef) => unknown): Promise<ActorRef> {
    return reborn(() => this.ref(id), end);
  }

  async workerReborn(
    index: number,
    end: (ref: ActorRef) => unknown,
    pool?: string,
  ): Promise<ActorRef> {
    return reborn(() => this.worker(index, pool), end);
  }
}

export const kill = (ref: ActorRef): Promise<void> => ref.kill();
export const crash = (ref: ActorRef): Promise<void> => ref.stop(new Error("crash"));
export const stop = (ref: ActorRef): Promise<void> => ref.stop("normal");

async function reborn(
  find: () => Promise<ActorRef>,
  end: (ref: ActorRef) => unknown,
): Promise<ActorRef> {
  const before = await find();
  await end(before);
  let next = before;
  await until(async () => {
    next = await find();
    return next !== before;
  });
  return next;
}

async function childOf(sup: Supervisor, id: string): Promise<ActorRef> {
  let found: ActorRef | undefined;
  await until(async () => {
    const child = (await sup.whichChildren()).find((info) => info.id === id);
    if (child === undefined) throw new Error(`no such child: ${id}`);
    found = typeof child.ref === "object" ? child.ref : undefined;
    return found?.alive === true;
  });
  return found as ActorRef;
}

export function poolOf(
  cache: Users,
  handler: HandlerPoolOptions<string, number>["handler"],
  options: Partial<HandlerPoolOptions<string, number>> = {},
): ChildLike {
  return handlerPool<string, number, unknown>({ maxRestarts: 1000, ...options, cache, handler });
}

export function isGap(
  message: UserMessage | CacheEntryEvent<unknown, unknown, unknown> | GapEvent,
): message is GapEvent {
  return message.type === "gap";
}

/** The key, the keys, or the query, and the type: `inserted a`, `deleted a+b`, `deleted p*`; gaps as `gap overrun 0..3`. */
export function show(message: UserMessage): string {
  if (isGap(message)) return `gap ${message.reason} ${message.from}..${message.to}`;
  const { target, type } = message;
  if (target.kind === "key") return `${type} ${target.key}`;
  if (target.kind === "keys") return `${type} ${target.keys.join("+")}`;
  return `${type} ${target.query?.prefix ?? ""}*`;
}

/** Writes down what it is called with. */
export class Notes {
  readonly messages: UserMessage[] = [];
  readonly note = (message: UserMessage): void => void this.messages.push(message);

  get lines(): string[] {
    return this.messages.map(show);
  }

  get events(): UserEvent[] {
    return this.messages.filter((message) => !isGap(message)) as UserEvent[];
  }

  get gaps(): GapEvent[] {
    return this.messages.filter(isGap);
  }

  get sequences(): number[] {
    return this.events.map(({ metadata }) => metadata.sequence);
  }
}

/** Keys `k0`, `k1`, ... from `from` to `to - 1`. */
export function keys(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, index) => `k${from + index}`);
}

/** Puts keys, each with its number as value. */
export function putKeys(cache: Users, from: number, to: number): void {
  for (let n = from; n < to; n++) cache.put(`k${n}`, n);
}
