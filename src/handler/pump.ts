import { performance } from "node:perf_hooks";
import type { Target } from "../actor/ref.js";
import { Task } from "../actor/task.js";
import type { Cursor, CursorReader } from "../stream/cursor.js";
import type { Stream } from "../stream/stream.js";
import type { Delivery } from "./delivery.js";

/** How long a worker may keep the event loop, in milliseconds, before others have their turn. */
const turnLength = 5;
const eventsPerLook = 32;

/** What a pump works on. @internal */
export interface PumpPlace {
  readonly stream: Stream;
  readonly cursor: Cursor;
  readonly delivery: Delivery;
  readonly target: Target;
}

/** Takes a worker's events from its cursor to the handler, turn by turn, each between two messages of the actor. @internal */
export abstract class Pump extends Task implements CursorReader {
  /** Whether there was nothing left to do at the end of the last turn. */
  idle = false;
  protected readonly place: PumpPlace;
  #posted = false;

  constructor(place: PumpPlace) {
    super();
    this.place = place;
  }

  wake(): void {
    if (this.#posted || this.place.delivery.closed) return;
    this.#posted = true;
    this.place.target.post(this);
  }

  override run(): void | Promise<void> {
    this.#posted = false;
    return this.turn();
  }

  /** Handles some events; wakes itself if there are more. */
  abstract turn(): void | Promise<void>;

  /** The incarnation has ended. */
  close(): void {}
}

/** One event after the other. @internal */
export class SerialPump extends Pump {
  override turn(): void | Promise<void> {
    const { stream, cursor, delivery, target } = this.place;
    this.idle = false;
    const began = performance.now();
    for (let count = 1; ; count++) {
      const message = cursor.next();
      if (message === undefined) {
        this.idle = true;
        break;
      }
      const pending = delivery.attempt(message);
      if (pending !== undefined) return pending.then(() => this.#handledLate(began));
      if (count % eventsPerLook === 0 && performance.now() - began >= turnLength) {
        target.yieldTurn();
        this.wake();
        break;
      }
    }
    cursor.busy += performance.now() - began;
    stream.progressed();
  }

  #handledLate(began: number): void {
    const { stream, cursor } = this.place;
    cursor.busy += performance.now() - began;
    stream.progressed();
    this.wake();
  }
}
