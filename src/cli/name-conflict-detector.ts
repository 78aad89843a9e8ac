import { BoundedMap } from "../cluster/bounded-map.js";
import type { StateMessage } from "../cluster/messages.js";

/** Nodes that are remembered at most, and former epochs of each. */
const maxNodes = 4096;
const maxFormer = 16;
/** State messages from a former epoch after which it belongs to a second node of that name. */
const maxLate = 2;

interface NodeEpochs {
  current: string;
  /** Epochs before the current one, and how many state messages have come from them since. */
  readonly former: BoundedMap<string, number>;
}

/**
 * Tells a node that has restarted from two nodes of one name: after a restart, no more messages
 * come from the former epoch.
 *
 * @internal
 */
export class NameConflictDetector {
  readonly #nodes = new BoundedMap<string, NodeEpochs>(maxNodes);
  readonly #onConflict: (node: string, epochs: readonly string[]) => void;

  /** @param onConflict there are two nodes of that name; called once for each epoch */
  constructor(onConflict: (node: string, epochs: readonly string[]) => void) {
    this.#onConflict = onConflict;
  }

  /**
   * Where a message comes from: the `current` epoch of the node, a `late` one that has ended, or
   * `another` node of that name.
   */
  sourceOf(
    kind: StateMessage["kind"] | "data",
    node: string,
    epoch: string,
  ): "current" | "late" | "another" {
    const epochs = this.#nodes.get(node);
    if (epochs === undefined) {
      this.#nodes.set(node, { current: epoch, former: new BoundedMap(maxFormer) });
      return "current";
    }
    if (epochs.current === epoch) return "current";
    const late = epochs.former.get(epoch);
    if (late === undefined) {
      epochs.former.set(epochs.current, 0);
      epochs.current = epoch;
      return "current";
    }
    if (late >= maxLate) return "another";
    if (kind === "data" || kind === "bye") return "late";
    epochs.former.set(epoch, late + 1);
    if (late + 1 < maxLate) return "late";
    this.#onConflict(node, [epochs.current, epoch]);
    return "another";
  }

  /** The node has ended in order. */
  end(node: string): void {
    this.#nodes.delete(node);
  }
}
