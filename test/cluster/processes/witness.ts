import type { CacheEntryEvent, GapEvent } from "../../../src/index.js";
import type { SeenGap, SeenOrigin } from "./protocol.js";

interface Notes extends SeenOrigin {
  readonly runs: number[];
  readonly gaps: SeenGap[];
}

/** Records what a node's handlers receive, by the node and epoch it comes from. */
export class Witness {
  readonly #all = new Map<string, Notes>();
  /** By partition: the record that was used last. */
  readonly #latest: (Notes | undefined)[] = [];

  event({ metadata }: CacheEntryEvent): void {
    const { node, epoch, sequence } = metadata;
    const { runs } = this.#notesOf(node, epoch, metadata.partition ?? 0);
    const last = runs.length - 1;
    if (last > 0 && runs[last] === sequence - 1) runs[last] = sequence;
    else runs.push(sequence, sequence);
  }

  gap({ node, epoch, partition, from, to, reason }: GapEvent): void {
    this.#notesOf(node, epoch, partition ?? 0).gaps.push({ from, to, reason });
  }

  seen(): SeenOrigin[] {
    return [...this.#all.values()];
  }

  #notesOf(node: string, epoch: string, partition: number): Notes {
    const latest = this.#latest[partition];
    if (latest?.epoch === epoch && latest.node === node) return latest;
    const id = `${node}/${epoch}/${partition}`;
    let notes = this.#all.get(id);
    if (notes === undefined)
      this.#all.set(id, (notes = { node, epoch, partition, runs: [], gaps: [] }));
    this.#latest[partition] = notes;
    return notes;
  }
}
