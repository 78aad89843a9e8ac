import { createServer, type Server, type Socket } from "node:net";

/** A server without TLS that greets whoever connects and keeps what it is sent. To be disposed. */
export class Eavesdropper implements AsyncDisposable {
  readonly host = "127.0.0.1";
  /** All that has come, as Latin-1. */
  heard = "";
  /** How many have connected. */
  visits = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(greeting: string) {
    this.#server = createServer((socket) => {
      this.visits++;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      socket.setEncoding("latin1").on("data", (chunk: string) => (this.heard += chunk));
      socket.write(greeting);
    });
  }

  static async start(greeting = ""): Promise<Eavesdropper> {
    const eavesdropper = new Eavesdropper(greeting);
    const server = eavesdropper.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(0, eavesdropper.host, resolve);
    });
    return eavesdropper;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" ? (address?.port ?? 0) : 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
