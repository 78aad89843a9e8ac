import type { ExitReason } from "../actor/exit.js";
import type { ActorRef } from "../actor/ref.js";
import type { ActorSystem, Restart } from "../actor/types.js";
import { show } from "../errors.js";
import { knownOptions } from "../options.js";
import { actorsOf, checkSystem, type ActorSelector, checkSelector, selects } from "./actors.js";
import { observe } from "./probe-hub.js";

/** Something that happened in a tree. Children are named by their ids. */
export type TreeEvent =
  /** An actor is up: its `init` has run. */
  | { readonly type: "started"; readonly id: string; readonly path: string; readonly ref: ActorRef }
  /** An actor ended before it was up. */
  | ({ readonly type: "start_failed" } & Ended)
  /** An actor that was up has ended. */
  | ({ readonly type: "exited" } & Ended)
  /**
   * A supervisor is about to restart a child; `attempt` is the restart's number within the window.
   */
  | ({ readonly type: "restart"; readonly attempt: number } & Supervised)
  /** A supervisor ends itself in place of one restart too many. */
  | ({ readonly type: "gave_up" } & Supervised);

interface Ended {
  readonly id: string;
  readonly path: string;
  readonly ref: ActorRef;
  readonly reason: ExitReason;
}

interface Supervised {
  /** The child's id. */
  readonly id: string;
  /** The supervisor's path. */
  readonly path: string;
  readonly supervisor: ActorRef;
  /** The child's incarnation before, where there was one. */
  readonly ref: ActorRef | undefined;
  readonly reason: ExitReason;
}

/** Options of {@link recordTree}. */
export interface RecordTreeOptions {
  /** Whose events are recorded, the actor's or the child's. Default: everybody's. */
  actor?: ActorSelector;
}

/** Writes down what happens in the trees of a system, in order. */
export class TreeRecorder implements Disposable {
  /** What has happened so far, in order. */
  readonly events: TreeEvent[] = [];
  readonly #selector: ActorSelector | undefined;
  readonly #up: WeakSet<ActorRef>;
  readonly #ends: (() => void)[];
  #taken = 0;

  /** @internal */
  constructor(system: ActorSystem, selector: ActorSelector | undefined) {
    this.#selector = selector;
    this.#up = new WeakSet(actorsOf(system));
    const { restartRecorders } = system;
    const record = (restart: Restart): void => this.#addRestart(restart);
    restartRecorders.add(record);
    this.#ends = [
      observe(system, {
        started: (ref) => {
          this.#up.add(ref);
          this.#add({ type: "started", id: ref.id, path: ref.path, ref }, ref);
        },
        exited: (ref, reason) => {
          const type = this.#up.has(ref) ? "exited" : "start_failed";
          this.#add({ type, id: ref.id, path: ref.path, ref, reason }, ref);
        },
      }),
      () => void restartRecorders.delete(record),
    ];
  }

  /**
   * The events as short texts, to compare with what was expected: `started users`,
   * `exited users:stream killed`, `start_failed users boom`, `restart users:stream 1`,
   * `gave_up users:stream`. An error stands as its message.
   */
  get lines(): string[] {
    return this.events.map(lineOf);
  }

  /** The lines since the last call. */
  take(): string[] {
    const lines = this.events.slice(this.#taken).map(lineOf);
    this.#taken = this.events.length;
    return lines;
  }

  /** How many events of a type there are. */
  count(type: TreeEvent["type"]): number {
    return this.events.filter((event) => event.type === type).length;
  }

  /** Records no more; what there is stays. A second call has no effect. */
  stop(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  /** As `stop()`. */
  [Symbol.dispose](): void {
    this.stop();
  }

  #addRestart({ supervisor, childId: id, ref, reason, attempt }: Restart): void {
    const { path } = supervisor;
    const child = { id, path, supervisor, ref, reason };
    this.#add(
      attempt === null ? { type: "gave_up", ...child } : { type: "restart", attempt, ...child },
      { id, path: `${path}/${id}` },
    );
  }

  #add(event: TreeEvent, about: { id: string; path: string }): void {
    if (this.#selector === undefined || selects(this.#selector, about)) this.events.push(event);
  }
}

/**
 * Records what happens in a system's trees from now on: starts, exits with their reasons, restarts,
 * supervisors that give up.
 *
 * @throws {@link OptionError}
 */
export function recordTree(system: ActorSystem, options: RecordTreeOptions = {}): TreeRecorder {
  checkSystem(system);
  knownOptions("recordTree", options, ["actor"]);
  const { actor } = options;
  return new TreeRecorder(system, actor === undefined ? undefined : checkSelector("actor", actor));
}

function lineOf(event: TreeEvent): string {
  const line = `${event.type} ${event.id}`;
  switch (event.type) {
    case "started":
    case "gave_up":
      return line;
    case "restart":
      return `${line} ${event.attempt}`;
    case "exited":
    case "start_failed":
      return `${line} ${reasonText(event.reason)}`;
  }
}

function reasonText(reason: ExitReason): string {
  if (typeof reason === "string") return reason;
  return reason instanceof Error ? reason.message : show(reason);
}
