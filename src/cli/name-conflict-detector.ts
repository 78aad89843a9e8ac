import type { StateMessage } from "../cluster/messages.js";

/** Nodes that are remembered at the most, and former epochs of each. */
const maxNodes = 4096;
const maxFormer = 16;
/**
 * Signs of life from a former epoch after which it is not one that came late, but that of a second
 * node of that name.
 */
const maxLate = 2;

interface Life {
  epoch: string;
  /** Epochs before this one, and how often something has come of them since. */
  readonly former: Map<string, number>;
}

/**
 * Tells a node that has begun anew from two nodes of one name: after the one, nothing comes of the
 * epoch before any more.
 *
 * @internal
 */
export class NameConflictDetector {
  readonly #lives = new Map<string, Life>();
  readonly #taken: (node: string, epochs: readonly string[]) => void;

  /** @param taken there are two nodes of that name, told once for each epoch */
  constructor(taken: (node: string, epochs: readonly string[]) => void) {
    this.#taken = taken;
  }

  /**
   * Whose a message is: of the node's life as it is `known`, of a `late` one that is over, or of an
   * `other` node of that name.
   */
  of(kind: StateMessage["kind"] | "data", node: string, epoch: string): "known" | "late" | "other" {
    const life = this.#lives.get(node);
    if (life === undefined) {
      dropFirst(this.#lives, maxNodes);
      this.#lives.set(node, { epoch, former: new Map() });
      return "known";
    }
    if (life.epoch === epoch) return "known";
    const late = life.former.get(epoch);
    if (late === undefined) {
      dropFirst(life.former, maxFormer);
      life.former.set(life.epoch, 0);
      life.epoch = epoch;
      return "known";
    }
    if (late >= maxLate) return "other";
    if (kind === "data" || kind === "bye") return "late";
    life.former.set(epoch, late + 1);
    if (late + 1 < maxLate) return "late";
    this.#taken(node, [life.epoch, epoch]);
    return "other";
  }

  /** It has ended in order. */
  end(node: string): void {
    this.#lives.delete(node);
  }
}

function dropFirst(map: Map<string, unknown>, max: number): void {
  const [first] = map.keys();
  if (first !== undefined && map.size >= max) map.delete(first);
}
