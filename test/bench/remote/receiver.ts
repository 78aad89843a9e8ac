import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type ContestantName, contestants } from "./contestants.js";
import type { Receiver, Setup } from "./setup.js";
import { receiverTask } from "./task.js";

/** What the receiver is told. */
type Order =
  | { readonly kind: "open"; readonly name: ContestantName; readonly setup: Setup }
  /** To tell when so many more have come, with the time of each if they are few. */
  | { readonly kind: "expect"; readonly count: number; readonly timed: boolean };

/** What it answers: it is open; it expects them; all have come, at this time. */
type Word =
  | { readonly kind: "open" }
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly at: number; readonly times: readonly number[] };

/** Microseconds of a clock that all processes of a machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint()) / 1e3;

/** In the process that receives: does as it is told. */
export function receive(): void {
  let seen = 0;
  let characters = 0;
  let target = Infinity;
  let times: number[] | undefined;
  const receivers: Promise<Receiver>[] = [];
  const handle = (key: string): void => {
    characters += key.length;
    times?.push(sharedNow());
    if (++seen === target) say({ kind: "done", at: sharedNow(), times: times ?? [] });
  };
  process.on("message", (message) => {
    const order = message as Order;
    if (order.kind === "open") {
      const receiver = contestants[order.name].receive(order.setup, handle);
      receivers.push(receiver);
      void receiver.then(() => say({ kind: "open" }));
    } else {
      seen = characters = 0;
      target = order.count;
      times = order.timed ? [] : undefined;
      say({ kind: "ready" });
    }
  });
  process.on("disconnect", () => process.exit());
}

const say = (word: Word): void => void process.send?.(word);

/** The process that receives, for the one that sends. */
export class Remote {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = fork(process.argv[1] as string, {
      env: { ...process.env, [receiverTask]: "1" },
      serialization: "advanced",
    });
  }

  async open(name: ContestantName, setup: Setup): Promise<void> {
    await this.#ask({ kind: "open", name, setup });
  }

  /** Settles when it expects them; what comes of that settles when all have come. */
  async expect(count: number, timed: boolean): Promise<{ done: Promise<Done> }> {
    await this.#ask({ kind: "expect", count, timed });
    return { done: this.#next() as Promise<Done> };
  }

  close(): void {
    this.#child.disconnect();
  }

  #ask(order: Order): Promise<Word> {
    const answer = this.#next();
    this.#child.send(order);
    return answer;
  }

  async #next(): Promise<Word> {
    const [word] = (await once(this.#child, "message")) as [Word];
    return word;
  }
}

export type Done = Extract<Word, { kind: "done" }>;
