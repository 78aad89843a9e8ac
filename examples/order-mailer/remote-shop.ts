import type { Engine } from "../shared/broker.js";
import { RemoteProcess } from "../shared/remote-process.js";
import type { MailServer, Shop } from "./shop.js";

/** How its processes find the engine, and each other. */
export interface Place {
  readonly engine: Engine;
  readonly url: string;
  /** Keeps other programs on that engine apart. */
  readonly namespace: string;
}

/** One of the three processes, as the main one sees it. */
export class RemoteShop extends RemoteProcess<Pick<Shop, keyof Shop>> {
  constructor(name: string, { engine, url, namespace }: Place, mails: MailServer) {
    super(name, new URL("node.ts", import.meta.url), [engine, url, name, namespace], {
      send: (mail) => mails.send(mail),
      mayMiss: (node) => mails.mayMiss(node),
    } satisfies MailServer);
  }
}
