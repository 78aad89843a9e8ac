import type { OriginId } from "./messages.js";
import type { Origin } from "./origin.js";

/** Lives that are remembered of a node. */
const maxLives = 2;

/**
 * Lives of nodes that have ended, or seem to have: what comes of one late, or because it has not ended after all, has its place in the same books, and so
 * is neither taken for news nor given twice.
 *
 * @internal
 */
export class PastLives {
  readonly #maxNodes: number;
  /** The latest last. */
  readonly #lives = new Map<string, Origin[]>();

  constructor(maxNodes: number) {
    this.#maxNodes = maxNodes;
  }

  keep(origin: Origin): void {
    const lives = this.#lives.get(origin.node) ?? [];
    this.#lives.delete(origin.node);
    this.#lives.set(origin.node, [...lives, origin].slice(-maxLives));
    if (this.#lives.size <= this.#maxNodes) return;
    for (const node of this.#lives.keys()) {
      this.#lives.delete(node);
      return;
    }
  }

  find({ node, epoch }: Pick<OriginId, "node" | "epoch">): Origin | undefined {
    return this.#lives.get(node)?.find((origin) => origin.epoch === epoch);
  }

  /** The latest of a node. */
  last(node: string): Origin | undefined {
    return this.#lives.get(node)?.at(-1);
  }

  /** One of them goes on. */
  release(origin: Origin): void {
    const lives = this.#lives.get(origin.node)?.filter((it) => it !== origin) ?? [];
    if (lives.length > 0) this.#lives.set(origin.node, lives);
    else this.#lives.delete(origin.node);
  }

  *all(): Iterable<Origin> {
    for (const lives of this.#lives.values()) yield* lives;
  }
}
