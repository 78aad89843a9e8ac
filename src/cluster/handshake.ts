import { type Clock, type TimerHandle, withTimeout } from "../clock.js";
import { type NebulexError, PubSubError, ShapeMismatchError, type StreamShape } from "../errors.js";
import type { Milliseconds } from "../options.js";
import type { StateMessage } from "./messages.js";

/**
 * Why a stream cannot exchange events with another node's; undefined: it can.
 *
 * @internal
 */
export function conflictWith(
  message: StateMessage,
  own: { readonly node: string; readonly name: string; readonly shape: StreamShape },
): NebulexError | undefined {
  if (message.node === own.node) {
    return new PubSubError(
      "node_name_taken",
      own.node,
      `the stream ${own.name} is running already on another node that is named ${own.node}: node names must differ`,
    );
  }
  const { partitions, hash, version } = message.shape;
  const { shape } = own;
  if (partitions === shape.partitions && hash === shape.hash && version === shape.version)
    return undefined;
  return new ShapeMismatchError(own.name, shape, message.node, message.shape);
}

/** Waits, when a stream begins, for the answer of another node. @internal */
export class Handshake {
  readonly #clock: Clock;
  readonly #timeout: Milliseconds;
  /** Whether it is still to be done. */
  pending = true;
  #error: NebulexError | undefined;
  #agreed = false;
  #settle: (() => void) | undefined;

  constructor(clock: Clock, timeout: Milliseconds) {
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** A node has the same shape; so have all nodes that it exchanges events with. */
  agreed(): void {
    this.#agreed = this.#error === undefined;
    this.#settle?.();
  }

  /**
   * A node conflicts with this one. Returns whether the handshake fails by it: false once it is
   * done, since then it is the other node that begins.
   */
  refused(error: NebulexError): boolean {
    if (!this.pending) return false;
    this.#agreed = false;
    this.#error ??= error;
    this.#settle?.();
    return true;
  }

  /** @throws (as a rejection) what it was refused with */
  async outcome(): Promise<void> {
    if (!this.#agreed && this.#error === undefined) {
      const answer = new Promise<void>((resolve) => (this.#settle = resolve));
      await withTimeout(this.#clock, this.#timeout, answer, () => {});
    }
    this.#settle = undefined;
    // A handshake that was refused has to be done again.
    this.pending = this.#error !== undefined;
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
  }
}

/** The longest pause between two attempts to connect, with some margin. */
const reconnectTime: Milliseconds = 2500;

/**
 * Waits, after this node has reconnected, until the other nodes have reconnected too: they would
 * not receive what is sent before. A node that has sent something is connected and subscribed.
 *
 * @internal
 */
export class RejoinBarrier {
  readonly #clock: Clock;
  readonly #timeout: Milliseconds;
  readonly #onOpen: () => void;
  readonly #awaited = new Set<string>();
  #timer: TimerHandle;

  /**
   * @param heartbeat how long it waits, at least, for nodes that send nothing
   * @param onOpen called when nothing is waited for any more
   */
  constructor(clock: Clock, heartbeat: Milliseconds, onOpen: () => void) {
    this.#clock = clock;
    this.#timeout = Math.max(heartbeat, reconnectTime);
    this.#onOpen = onOpen;
  }

  begin(nodes: Iterable<string>): void {
    this.cancel();
    for (const node of nodes) this.#awaited.add(node);
    if (this.#awaited.size === 0) this.#onOpen();
    else this.#timer = this.#clock.setTimeout(() => this.#open(), this.#timeout);
  }

  heard(node: string): void {
    if (this.#awaited.delete(node) && this.#awaited.size === 0) this.#open();
  }

  cancel(): void {
    this.#awaited.clear();
    this.#clock.clearTimeout(this.#timer);
  }

  #open(): void {
    this.cancel();
    this.#onOpen();
  }
}
