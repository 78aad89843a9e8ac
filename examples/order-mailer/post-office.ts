import { setTimeout as wait } from "node:timers/promises";
import type { Mail, MailServer } from "./shop.js";

/** Milliseconds that a mail takes. */
const latency = 1;

/** The world outside of the three processes, in the memory of the main one: what is sent is sent. */
export class PostOffice implements MailServer {
  /** By order: how many mails went out about it. */
  readonly #sent = new Map<string, number>();
  /** By partition: the highest fence that was seen. */
  readonly #fences = new Map<number, number>();
  /** Mails that came again, since their process ended before it could commit; none went out. */
  again = 0;
  /** Mails of a process that owned the partition no more; none went out. */
  late = 0;

  /** Processes that may have taken orders that nobody knows of. */
  readonly suspects = new Set<string>();

  get sent(): number {
    return this.#sent.size;
  }

  /** How many orders have more than one mail. */
  get twice(): number {
    return [...this.#sent.values()].filter((count) => count > 1).length;
  }

  async send({ order, partition, fence }: Mail): Promise<void> {
    await wait(latency);
    // These three checks are one step here. In a database they are one statement, or one transaction.
    if (fence < (this.#fences.get(partition) ?? 0)) this.late++;
    else if (this.#sent.has(order)) this.again++;
    else this.#sent.set(order, (this.#sent.get(order) ?? 0) + 1);
    this.#fences.set(partition, Math.max(fence, this.#fences.get(partition) ?? 0));
  }

  mayMiss(node: string): void {
    this.suspects.add(node);
  }
}
