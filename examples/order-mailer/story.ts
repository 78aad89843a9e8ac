import { setTimeout as wait } from "node:timers/promises";
import type { PostOffice } from "./post-office.js";
import { type Place, RemoteShop } from "./remote-shop.js";
import { leaseTime } from "./shop.js";

/** Milliseconds that anything is waited for. */
const patience = 30_000;
const names = ["berlin", "lima", "tokyo"];

/** What the example shows, scene by scene. */
export class Story {
  readonly #place: Place;
  readonly #mails: PostOffice;
  readonly #print: (line: string) => void;
  readonly #shops = new Map<string, RemoteShop>();
  #orders = 0;

  constructor(place: Place, mails: PostOffice, print: (line: string) => void) {
    this.#place = place;
    this.#mails = mails;
    this.#print = print;
  }

  /** Settles when all three processes are up, and each has its share of the partitions. */
  async begin(): Promise<void> {
    await Promise.all(names.map((name) => this.#start(name)));
    await this.#shared();
  }

  /** @returns whether one mail went out about each order */
  async tell(): Promise<boolean> {
    this.#title("All three take orders. Each sends the mails of its two partitions.");
    await this.#take(names, 300);
    await this.#sent();

    this.#title(
      "berlin and lima take orders. tokyo is killed meanwhile (SIGKILL), and started again.",
    );
    const tokyo = this.#find("tokyo");
    await this.#take(["berlin", "lima"], 600, () => tokyo.kill());
    await this.#sent("the others have sent tokyo's mails");
    await this.#start("tokyo");
    await this.#shared();

    this.#title("berlin and tokyo take orders. lima stands still (SIGSTOP), for two leases.");
    const lima = this.#find("lima");
    await this.#take(["berlin", "tokyo"], 600, () => lima.pause());
    await this.#sent("the others have sent lima's mails");
    await wait(2 * leaseTime);
    lima.continue();
    await this.#shared();
    await this.#take(["lima"], 100);
    await this.#sent("lima is back");

    this.#title("A deploy: one process after the other stops in order, and is started again.");
    const before = this.#mails.again;
    for (const [index, name] of names.entries()) {
      const other = names[(index + 1) % names.length] as string;
      const shop = this.#find(name);
      await this.#take([other], 200, () => shop.stop());
      await this.#start(name);
      await this.#shared();
    }
    await this.#sent(`${this.#mails.again - before} of them were handed in a second time`);
    return this.#summary();
  }

  async stop(): Promise<void> {
    const shops = [...this.#shops.values()];
    for (const shop of shops) shop.continue();
    await Promise.all(shops.map((shop) => shop.stop()));
  }

  #summary(): boolean {
    const { sent, twice, suspects } = this.#mails;
    this.#title("All in all:");
    const missed = [...suspects].sort().join(" and ");
    this.#print(`  ${missed} may have taken orders that they could not store`);
    this.#print(`${this.#orders} orders, ${sent} mails, orders with more than one: ${twice}`);
    return sent === this.#orders && twice === 0;
  }

  async #start(name: string): Promise<void> {
    const shop = new RemoteShop(name, this.#place, this.#mails);
    this.#shops.set(name, shop);
    await shop.ready();
  }

  #find(name: string): RemoteShop {
    return this.#shops.get(name) as RemoteShop;
  }

  /** Has these processes take orders; something happens when half of them are taken. */
  async #take(takers: readonly string[], count: number, happens?: () => unknown): Promise<void> {
    let happening: unknown;
    for (let left = count; left > 0; left--) {
      const taker = takers[left % takers.length] as string;
      const id = `order ${++this.#orders}`;
      await this.#find(taker).call("order", id, `customer ${this.#orders % 7}`);
      if (left === count / 2) happening = happens?.();
      if (left % 10 === 0) await wait(5);
    }
    await happening;
  }

  /** Waits until the mails about all orders have been sent. */
  async #sent(remark?: string): Promise<void> {
    await until("all mails are sent", () => this.#mails.sent >= this.#orders);
    const end = remark === undefined ? "" : `: ${remark}`;
    this.#print(`  ${this.#orders} orders, ${this.#mails.sent} mails${end}`);
  }

  /** Waits until each process has its share of the partitions. */
  async #shared(): Promise<void> {
    const share = async (): Promise<boolean> => {
      // While its journal has no connection, it can't say.
      const asked = this.#find("berlin").call("partitions");
      const partitions = await asked.catch(() => []);
      const owned = (name: string): number =>
        partitions.filter(({ owner }) => owner === name).length;
      return names.every((name) => owned(name) === 2);
    };
    await until("all have their share", share);
  }

  #title(text: string): void {
    this.#print(`\n${text}`);
  }
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + patience;
  while (!(await isTrue())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await wait(20);
  }
}
