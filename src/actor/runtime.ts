import type { Clock } from "../clock.js";
import type { SpawnOptions } from "./behavior.js";
import type { Engine } from "./engine.js";
import type { ExitReason } from "./exit.js";
import type { Probe } from "./probe.js";
import type { ActorRef } from "./ref.js";
import type { ActorSystem } from "./system.js";

/** What a cell needs of its system. @internal */
export interface Runtime {
  readonly system: ActorSystem;
  readonly clock: Clock;
  readonly engine: Engine;
  readonly probe: Probe | undefined;
  register(key: unknown, ref: ActorRef, value: unknown): void;
  nextId(): string;
}

/** What a library actor wants beyond a {@link Behavior}. @internal */
export interface CellOptions extends SpawnOptions {
  id?: string;
  /**
   * Told at once, inside `stop` or `kill`, that the incarnation is to end: so that it can break off
   * what it waits for. Must not throw.
   */
  onStopRequested?: (reason: ExitReason) => void;
}
