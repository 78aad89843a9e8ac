import { setTimeout as wait } from "node:timers/promises";
import type { Catalogue, Product, SearchIndex } from "./shop.js";

/** Milliseconds that a question and its answer take. */
const latency = 5;

/** The catalogue and the search index, in the memory of the main process. */
export class World implements Catalogue, SearchIndex {
  /** How often the catalogue was asked. */
  asked = 0;
  /** Why the index was built anew. */
  readonly rebuilt: string[] = [];
  readonly #products = new Map<string, Product>();
  readonly #index = new Map<string, string>();

  constructor(names: Readonly<Record<string, string>>) {
    for (const [id, name] of Object.entries(names)) this.#products.set(id, { name, version: 1 });
  }

  async read(id: string): Promise<Product> {
    this.asked++;
    await wait(latency);
    return this.now(id);
  }

  async rename(id: string, name: string): Promise<Product> {
    await wait(latency);
    const product = { name, version: this.now(id).version + 1 };
    this.#products.set(id, product);
    return product;
  }

  set(id: string, name: string): void {
    this.#index.set(id, name);
  }

  async rebuild(why: string): Promise<void> {
    this.rebuilt.push(why);
    await wait(latency);
    for (const [id, { name }] of this.#products) this.#index.set(id, name);
  }

  /** The truth, for whoever is beside it. */
  now(id: string): Product {
    const product = this.#products.get(id);
    if (product === undefined) throw new Error(`no such product: ${id}`);
    return product;
  }

  /** The products whose names in the index have a word. */
  find(word: string): string[] {
    const found = [...this.#index].filter(([, name]) =>
      name.toLowerCase().split(" ").includes(word),
    );
    return found.map(([id]) => id);
  }
}
