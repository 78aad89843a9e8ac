import { ActorRef } from "../actor/ref.js";
import type { ActorSystem, Cell } from "../actor/types.js";
import { nodeTimeOf } from "../clock.js";
import type { Milliseconds } from "../options.js";
import type { ResolvedChildSpec } from "../supervisor/child-spec.js";
import { type ObservedChild, type Supervision, supervisionOf } from "../supervisor/supervision.js";
import type { Ids } from "./ids.js";
import type { SupervisorState, TreeRow } from "./snapshot.js";
import { exitOf } from "./text.js";

/** What a row stands for, for those that act on it. @internal */
export interface TreeEntry {
  readonly row: TreeRow;
  /** Undefined: it is dead, or is the system. */
  readonly ref: ActorRef | undefined;
  /** Undefined: it has no supervisor. */
  readonly child: { readonly of: Supervision; readonly spec: ResolvedChildSpec } | undefined;
}

/** What an actor runs, if that is in another table. @internal */
export type RunsOf = (ref: ActorRef) => TreeRow["runs"];

/**
 * The rows of a system's actors, read at once, so that nothing is asked of a supervisor that is busy.
 *
 * @internal
 */
export class TreeReader {
  readonly #system: ActorSystem;
  readonly #ids: Ids;
  readonly #runsOf: RunsOf;
  /** Since what is read changes its place only where the order has changed. */
  #places = new Map<string, number>();
  #nextPlaces = new Map<string, number>();
  #entries: TreeEntry[] = [];
  readonly #wall: (at: Milliseconds) => Milliseconds;

  constructor(system: ActorSystem, ids: Ids, runsOf: RunsOf) {
    this.#system = system;
    this.#ids = ids;
    this.#runsOf = runsOf;
    const { clock } = system;
    // Once: a row must not change since the two clocks are read one after the other.
    const ahead = nodeTimeOf(clock)() - clock.now();
    this.#wall = (at) => Math.round(at + ahead);
  }

  /** In the order of the tree, each above its children. */
  read(): readonly TreeEntry[] {
    this.#entries = [];
    this.#nextPlaces = new Map();
    const row = this.#systemRow();
    this.#entries.push({ row, ref: undefined, child: undefined });
    const placeOf = this.#placer();
    for (const cell of this.#system.roots) this.#addCell(cell, row.id, placeOf);
    this.#places = this.#nextPlaces;
    const entries = this.#entries;
    this.#entries = [];
    return entries;
  }

  /** Forgets what only those that look need. */
  forget(): void {
    this.#places = new Map();
  }

  /** An actor without a supervisor, or a supervisor at the top. */
  #addCell(cell: Cell, parent: string, placeOf: (id: string) => number): void {
    const { ref, path } = cell;
    const id = this.#ids.of(ref);
    const supervision = supervisionOf(ref);
    const row: TreeRow = {
      id,
      parent,
      place: placeOf(id),
      name: cell.id,
      path,
      kind: supervision === undefined ? "actor" : "supervisor",
      state: stateOf(ref),
      incarnation: 1,
      startedAt: this.#wall(cell.startedAt),
      mailbox: cell.waiting,
      restart: null,
      shutdown: null,
      supervisor: supervision === undefined ? null : this.#supervisorState(supervision),
      lastExit: null,
      runs: this.#runsOf(ref),
    };
    this.#entries.push({ row, ref, child: undefined });
    this.#addBelow(cell, supervision, id);
  }

  #addChild(of: Supervision, child: ObservedChild, parent: string, placeOf: Placer): void {
    const { spec, ref, next, incarnations, lastExit, key } = child;
    const id = this.#ids.of(key);
    const cell = ref?.alive === true ? cellOf(ref) : undefined;
    const supervision = ref === undefined ? undefined : supervisionOf(ref);
    const row: TreeRow = {
      id,
      parent,
      place: placeOf(id),
      name: spec.id,
      path: ref?.path ?? `${of.cell.path}/${spec.id}`,
      kind: spec.type,
      state: ref === undefined ? (next ?? "stopped") : stateOf(ref),
      incarnation: incarnations,
      startedAt: cell === undefined ? null : this.#wall(cell.startedAt),
      mailbox: cell?.waiting ?? 0,
      restart: spec.restart,
      shutdown: spec.shutdown,
      supervisor: supervision === undefined ? null : this.#supervisorState(supervision),
      lastExit: lastExit === undefined ? null : exitOf(lastExit.reason, this.#wall(lastExit.at)),
      runs: ref === undefined ? null : this.#runsOf(ref),
    };
    this.#entries.push({ row, ref, child: { of, spec } });
    if (cell !== undefined) this.#addBelow(cell, supervision, id);
  }

  #addBelow(cell: Cell, supervision: Supervision | undefined, id: string): void {
    const placeOf = this.#placer();
    if (supervision !== undefined)
      for (const child of supervision.observe()) this.#addChild(supervision, child, id, placeOf);
    // A supervisor's own children are among its actors, also while they are being started.
    for (const actor of cell.children)
      if (!actor.supervised && !(supervision !== undefined && actor.starting))
        this.#addCell(actor, id, placeOf);
  }

  #supervisorState(supervision: Supervision): SupervisorState {
    const { strategy, restarts, limit } = supervision;
    const last = restarts.at(-1);
    return {
      strategy,
      restarts: restarts.reduce((sum, { count }) => sum + count, 0),
      lastRestart: last === undefined ? null : this.#wall(last.at),
      maxRestarts: Number.isFinite(limit.maxRestarts) ? limit.maxRestarts : null,
      window: limit.window,
      children: supervision.countChildren().specs,
    };
  }

  #systemRow(): TreeRow {
    const { name } = this.#system;
    return {
      id: this.#ids.of(this.#system),
      parent: null,
      place: 0,
      name,
      path: `/${name}`,
      kind: "system",
      state: this.#system.stopped ? "stopping" : "running",
      incarnation: 1,
      startedAt: null,
      mailbox: 0,
      restart: null,
      shutdown: null,
      supervisor: null,
      lastExit: null,
      runs: null,
    };
  }

  /** Gives the rows of one parent ascending places: each its last one, as long as that ascends. */
  #placer(): Placer {
    let last = -1;
    return (id) => {
      const before = this.#places.get(id) ?? -1;
      last = before > last ? before : last + 1;
      this.#nextPlaces.set(id, last);
      return last;
    };
  }
}

type Placer = (id: string) => number;

function cellOf(ref: ActorRef): Cell {
  return ActorRef.targetOf(ref) as Cell;
}

function stateOf(ref: ActorRef): TreeRow["state"] {
  const { alive, stopping, starting } = ActorRef.targetOf(ref);
  if (!alive || stopping) return "stopping";
  return starting ? "starting" : "running";
}
