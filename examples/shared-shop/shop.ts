import {
  type AsyncCache,
  defineCache,
  handlerPool,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";
import { redisAdapter, redisJournal } from "nebulex-streams/redis";

export interface Product {
  readonly name: string;
  /** Counts the changes of this product. */
  readonly version: number;
}

/** Where the truth is: a database, or another service. Asking it takes time. */
export interface Catalogue {
  read(id: string): Promise<Product>;
  /** Gives what is stored now. */
  rename(id: string, name: string): Promise<Product>;
}

/** Finds products by words of their names. There is one, for all processes. */
export interface SearchIndex {
  set(id: string, name: string): unknown;
  /** Some changes are not known: it is built anew from the catalogue. */
  rebuild(why: string): Promise<void>;
}

/** Where the processes meet. */
export interface Place {
  readonly url: string;
  /** Keeps other programs on that server apart. */
  readonly namespace: string;
}

/** One of the processes that share a cache of products. */
export class Shop {
  readonly #products: AsyncCache<string, Product>;
  readonly #catalogue: Catalogue;
  readonly #tree: Supervisor;

  private constructor(
    products: AsyncCache<string, Product>,
    catalogue: Catalogue,
    tree: Supervisor,
  ) {
    this.#products = products;
    this.#catalogue = catalogue;
    this.#tree = tree;
  }

  static async start(
    { url, namespace }: Place,
    nodeName: string,
    catalogue: Catalogue,
    index: SearchIndex,
  ): Promise<Shop> {
    // The default heartbeat is 3 seconds; with less, it is noticed sooner that nothing comes any more.
    const journal = redisJournal({ url, namespace, nodeName, heartbeat: 1500 });
    const products = defineCache<string, Product>({
      name: "products",
      // All processes that say this have the same entries. In front of them, each has some copies
      // of its own, which the events of the changes remove.
      adapter: redisAdapter({ journal, partitions: 6, near: { maxEntries: 1000 } }),
    });
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        journal,
        products,
        // It takes journal and partitions from the cache's adapter.
        streamServer({ cache: products, include: ["value"] }),
        handlerPool({
          cache: products,
          group: "search-index",
          // Each change is handled by one of the processes, in order, whoever made it.
          scope: "cluster",
          leaseTime: 1500,
          events: ["inserted", "updated"],
          handler: {
            handle: async ({ target, value }) => {
              if (target.kind === "key" && value !== undefined)
                await index.set(target.key, value.name);
            },
            onGap: ({ reason }) => index.rebuild(reason),
          },
        }),
      ],
    });
    return new Shop(products, catalogue, tree);
  }

  /**
   * What the cache has; otherwise what the catalogue has, asked by one process for all. While there
   * is no Redis it asks the catalogue, and stores nothing.
   */
  read(id: string): Promise<Product> {
    return this.#products.fetchOrStore(id, () => this.#catalogue.read(id));
  }

  /**
   * The copy goes first: while there is no Redis this throws a StoreUnavailableError, and nothing
   * is renamed that the cache would have the old name of.
   */
  async rename(id: string, name: string): Promise<void> {
    await this.#products.delete(id);
    await this.#products.put(id, await this.#catalogue.rename(id, name));
  }

  info() {
    return this.#products.info();
  }

  stop(): Promise<void> {
    return this.#tree.stop();
  }
}
