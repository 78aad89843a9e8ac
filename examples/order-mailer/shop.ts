import {
  type Cache,
  type ClusterGroupStatus,
  clusterGroup,
  defineCache,
  handlerPool,
  type Journal,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";

export interface Order {
  readonly customer: string;
}

/** A mail about an order, with what guards it. */
export interface Mail {
  /** Its idempotency key: a mail that comes again is no second one. */
  readonly order: string;
  readonly to: string;
  readonly partition: number;
  /** Grows with every owner of the partition: what comes with a smaller one comes too late. */
  readonly fence: number;
}

/** Where mails go out. Sending takes time. */
export interface MailServer {
  send(mail: Mail): Promise<void>;
  /** A process may have taken orders that nobody knows of. */
  mayMiss(node: string): unknown;
}

/** Milliseconds after which another process takes over from one that says nothing. The default is 5000. */
export const leaseTime = 1500;
const group = "mailer";

/** Takes orders, and sends its share of the mails about the orders that any process has taken. */
export class Shop {
  readonly #orders: Cache<string, Order>;
  readonly #tree: Supervisor;

  private constructor(orders: Cache<string, Order>, tree: Supervisor) {
    this.#orders = orders;
    this.#tree = tree;
  }

  static async start(journal: Journal, mails: MailServer): Promise<Shop> {
    const orders = defineCache<string, Order>({ name: "orders" });
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        journal,
        orders,
        // Its events go to the journal, from which the group reads those of all processes.
        streamServer({ cache: orders, journal, partitions: 6, include: ["value"] }),
        handlerPool({
          cache: orders,
          group,
          // Each partition is handled by one process at a time. With "node", each would send all mails.
          scope: "cluster",
          leaseTime,
          events: ["inserted"],
          handler: {
            handle: async ({ target, value, metadata }, _state, { fence }) => {
              if (target.kind !== "key" || value === undefined) return;
              const partition = metadata.partition ?? 0;
              await mails.send({ order: target.key, to: value.customer, partition, fence });
            },
            // A process was killed: orders that it has just taken may not be in the journal. This is
            // the place to compare with the database, whose orders of the last seconds are known.
            onGap: ({ node }) => mails.mayMiss(node),
          },
        }),
      ],
    });
    return new Shop(orders, tree);
  }

  /** Takes an order. That waits for nothing: neither for the journal nor for the mail. */
  order(id: string, customer: string): void {
    this.#orders.put(id, { customer });
  }

  /** The partitions, with their owners, and how far behind they are. */
  partitions(): Promise<ClusterGroupStatus[]> {
    return clusterGroup(this.#orders, group).status();
  }

  /** Ends in order: what it has taken is in the journal, and the others go on with its partitions. */
  stop(): Promise<void> {
    return this.#tree.stop();
  }
}
