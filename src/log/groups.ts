import { GroupBusyError } from "../errors.js";
import type { Cursor } from "./cursor.js";

/**
 * The cursors of named groups: one for each partition that a group reads, or has read.
 *
 * @internal
 */
export class Groups {
  readonly #groups = new Map<string, Map<number, Cursor>>();

  /** The cursor of a group, if it has one there. */
  find(group: string, partition: number): Cursor | undefined {
    return this.#groups.get(group)?.get(partition);
  }

  /** @throws GroupBusyError when the group has a live reader there */
  checkFree(group: string, partition: number, shown: number | null): void {
    if (this.isBusy(group, partition)) throw new GroupBusyError(group, shown);
  }

  isBusy(group: string, partition: number): boolean {
    return this.find(group, partition)?.reader !== undefined;
  }

  add(group: string, partition: number, cursor: Cursor): void {
    let cursors = this.#groups.get(group);
    if (cursors === undefined) this.#groups.set(group, (cursors = new Map()));
    cursors.set(partition, cursor);
  }

  delete(group: string, cursor: Cursor): void {
    const cursors = this.#groups.get(group);
    if (cursors === undefined) return;
    for (const [partition, held] of cursors) if (held === cursor) cursors.delete(partition);
    if (cursors.size === 0) this.#groups.delete(group);
  }

  /** Every group with its cursors by partition. */
  entries(): IterableIterator<[string, Map<number, Cursor>]> {
    return this.#groups.entries();
  }
}
