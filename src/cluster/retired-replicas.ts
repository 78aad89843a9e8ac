import type { ReplicaId } from "./messages.js";
import type { Replica } from "./replica.js";

/** Lives that are remembered of a node. */
const maxLives = 2;

/**
 * Lives of nodes that have ended, or seem to have: what comes of one late, or because it has not
 * ended after all, has its place in the same books, and so is neither taken for news nor given
 * twice.
 *
 * @internal
 */
export class RetiredReplicas {
  readonly #maxNodes: number;
  /** The latest last. */
  readonly #lives = new Map<string, Replica[]>();

  constructor(maxNodes: number) {
    this.#maxNodes = maxNodes;
  }

  keep(replica: Replica): void {
    const lives = this.#lives.get(replica.node) ?? [];
    this.#lives.delete(replica.node);
    this.#lives.set(replica.node, [...lives, replica].slice(-maxLives));
    if (this.#lives.size <= this.#maxNodes) return;
    for (const node of this.#lives.keys()) {
      this.#lives.delete(node);
      return;
    }
  }

  find({ node, epoch }: Pick<ReplicaId, "node" | "epoch">): Replica | undefined {
    return this.#lives.get(node)?.find((replica) => replica.epoch === epoch);
  }

  /** The latest of a node. */
  last(node: string): Replica | undefined {
    return this.#lives.get(node)?.at(-1);
  }

  /** One of them goes on. */
  release(replica: Replica): void {
    const lives = this.#lives.get(replica.node)?.filter((it) => it !== replica) ?? [];
    if (lives.length > 0) this.#lives.set(replica.node, lives);
    else this.#lives.delete(replica.node);
  }

  *all(): Iterable<Replica> {
    for (const lives of this.#lives.values()) yield* lives;
  }
}
