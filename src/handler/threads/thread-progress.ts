/** What a lane is doing: nothing, running on the stack, or waiting for a promise of the handler. @internal */
export type Standing = "idle" | "running" | "waiting";

const standings: readonly Standing[] = ["idle", "running", "waiting"];
const running = 1;
/** Takes `running` to `waiting`. */
const toWaiting = 3;
/** Set beside the standing: nothing more is to be begun. */
const revoked = 4;

const cellsPerLane = 2;
const [blamedLane, blamedStep, beats] = [0, 1, 2];
const cellsOfAll = 3;

/**
 * How far a thread has got, in memory that outlives it: what is on record here has happened, however the thread ended. The thread
 * writes, the main thread reads.
 *
 * @internal
 */
export class ThreadProgress {
  readonly buffer: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#cells = new Int32Array(buffer);
  }

  static for(lanes: number): ThreadProgress {
    return new ThreadProgress(new SharedArrayBuffer((cellsOfAll + lanes * cellsPerLane) * 4));
  }

  /** How many events a lane has handled since the thread began. */
  handledBy(lane: number): number {
    return Atomics.load(this.#cells, handledCell(lane));
  }

  standingOf(lane: number): Standing {
    return standings[Atomics.load(this.#cells, standingCell(lane)) & toWaiting] as Standing;
  }

  /** A lane calls the handler. False if it must not any more. */
  begin(lane: number): boolean {
    return Atomics.compareExchange(this.#cells, standingCell(lane), 0, running) === 0;
  }

  /** The handler has answered with a promise. */
  wait(lane: number): void {
    Atomics.xor(this.#cells, standingCell(lane), toWaiting);
  }

  /** The handler is through, with `handled` more events handled. */
  end(lane: number, handled: number): void {
    Atomics.add(this.#cells, handledCell(lane), handled);
    Atomics.and(this.#cells, standingCell(lane), revoked);
  }

  /** From here on the lane begins nothing more: what it has handled now is final, but for what it has in hand. */
  revoke(lane: number): void {
    Atomics.or(this.#cells, standingCell(lane), revoked);
  }

  /** The thread ends through what this lane did in its step after `step` handled events. The first word counts. */
  blame(lane: number, step: number): void {
    if (Atomics.compareExchange(this.#cells, blamedLane, 0, lane + 1) === 0)
      Atomics.store(this.#cells, blamedStep, step);
  }

  get blamed(): { readonly lane: number; readonly step: number } | undefined {
    const lane = Atomics.load(this.#cells, blamedLane) - 1;
    return lane < 0 ? undefined : { lane, step: Atomics.load(this.#cells, blamedStep) };
  }

  /** The thread's event loop turns. */
  beat(): void {
    Atomics.add(this.#cells, beats, 1);
  }

  get beats(): number {
    return Atomics.load(this.#cells, beats);
  }
}

const handledCell = (lane: number): number => cellsOfAll + lane * cellsPerLane;
const standingCell = (lane: number): number => handledCell(lane) + 1;
