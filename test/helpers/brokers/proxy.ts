import { connect, createServer, type Server, type Socket } from "node:net";
import { freePort } from "./broker.js";

/** Stands between clients and a server, and can come to harm. To be disposed. */
export class Proxy implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  /** It stays the same while connections are refused. */
  readonly port: number;
  #server: Server | undefined;
  #stalled = false;

  private constructor(target: { readonly host: string; readonly port: number }, port: number) {
    this.#target = target;
    this.port = port;
  }

  static async start(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
    const proxy = new Proxy(target, await freePort());
    await proxy.restore();
    return proxy;
  }

  /** How many clients are connected. */
  get connections(): number {
    return this.#sockets.size / 2;
  }

  /** Ends all connections; new ones are taken. */
  cut(): void {
    for (const socket of this.#sockets) {
      // A socket that is being shut down can't be reset: that fails (EINVAL) and leaves it open.
      if (socket.writableEnded) socket.destroy();
      else socket.resetAndDestroy();
    }
  }

  /** Ends all connections, and refuses new ones. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => {
      if (server === undefined) resolve();
      else server.close(() => resolve());
    });
    this.cut();
    await closed;
  }

  /** Lets nothing through any more, either way, also of new connections: as when a cable is cut. */
  stall(): void {
    this.#stalled = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Takes connections, on the same port, and lets everything through. */
  async restore(): Promise<void> {
    this.#stalled = false;
    for (const socket of this.#sockets) socket.resume();
    if (this.#server !== undefined) return;
    const server = createServer((client) => this.#forward(client));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(this.port, this.host, resolve);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.refuse();
  }

  #forward(client: Socket): void {
    const server = connect(this.#target.port, this.#target.host);
    this.#join(client, server);
    this.#join(server, client);
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (data) => void to.write(data));
    from.on("error", () => {});
    from.on("end", () => void to.end());
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    if (this.#stalled) from.pause();
  }
}
