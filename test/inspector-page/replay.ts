import { readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import type { About, Snapshot } from "../../src/inspector/snapshot.js";
import { ChangeDetector } from "../../src/inspector/update.js";
import { projectRoot } from "../helpers/project-root.js";
import { type FakeOptions, FakeSource } from "../inspector/fake-source.js";

const folder = join(projectRoot, "dist", "inspector");
const types: Record<string, string> = {
  ".html": "text/html",
  ".css": "text/css",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
};

/** As src/inspector/server.ts sends it. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";

/**
 * An invented system in simulated time, and a server that shows it: all of its life at once, so that
 * what the page shows is always the same, and minutes take no time.
 */
export class Replay implements AsyncDisposable {
  /** 14 July 2026, 09:30 UTC. */
  time = Date.UTC(2026, 6, 14, 9, 30);
  readonly source: FakeSource;
  readonly url: string;
  readonly #about: Partial<About>;
  readonly #changes = new ChangeDetector();
  readonly #server: Server;
  readonly #pages = new Set<ServerResponse>();
  #messages: string[] = [];
  #lastEntry = 0;
  #heartbeat: NodeJS.Timeout | undefined;

  private constructor(options: FakeOptions, about: Partial<About>, server: Server) {
    this.source = new FakeSource(() => this.time, options);
    this.#about = about;
    this.#server = server;
    // No time passes, but the page has news.
    this.#heartbeat = setInterval(
      () => this.#write(`event: update\ndata: {"time":${this.time}}\n\n`),
      1000,
    );
    this.url = `http:${"//"}127.0.0.1:${(server.address() as AddressInfo).port}/`;
    server.on("request", ({ url = "/" }, response) => {
      if (url.startsWith("/events")) this.#watch(response);
      else serveFile(url === "/" ? "index.html" : url.replace("/assets/", ""), response);
    });
  }

  static async start(options: FakeOptions = {}, about: Partial<About> = {}): Promise<Replay> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const replay = new Replay(options, about, server);
    replay.send();
    return replay;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.silence();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Lets time pass, with a message a second. */
  run(seconds: number): void {
    for (let second = 0; second < seconds; second++) {
      this.time += 1000;
      this.source.step(1);
      this.send();
    }
  }

  /** Sends what has changed. */
  send(): void {
    const changes = this.#changes.changes(this.source.read());
    const entries = this.source.timeline.since(this.#lastEntry);
    this.#lastEntry = this.source.timeline.lastId;
    const isFirst = this.#messages.length === 0;
    const members = isFirst
      ? [
          `"time":${this.time}`,
          `"about":${JSON.stringify(this.#aboutNow())}`,
          `"timeline":${JSON.stringify(entries)}`,
          this.#changes.all,
        ]
      : [`"time":${this.time}`, `"timeline":${JSON.stringify(entries)}`, changes];
    const data = `{${members.filter((member) => member !== "").join(",")}}`;
    const message = `event: ${isFirst ? "snapshot" : "update"}\ndata: ${data}\n\n`;
    this.#messages.push(message);
    this.#write(message);
  }

  /** Nothing is sent any more, unless time passes. */
  silence(): void {
    clearInterval(this.#heartbeat);
  }

  #write(message: string): void {
    for (const page of this.#pages) page.write(message);
  }

  #watch(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const message of this.#messages) response.write(message);
    this.#pages.add(response);
    response.on("close", () => this.#pages.delete(response));
  }

  #aboutNow(): Snapshot["about"] {
    return {
      ...this.source.about(),
      software: "nebulex-streams 0.1.0",
      pid: 4242,
      startedAt: this.time - 7_500_000,
      actions: false,
      values: false,
      viewer: null,
      memory: { resident: 96_468_992, heap: 41_943_040 },
      viewers: 1,
      ...this.#about,
    };
  }
}

function serveFile(name: string, response: ServerResponse): void {
  response.setHeader("content-security-policy", policy);
  response.setHeader("content-type", types[extname(name)] ?? "text/plain");
  try {
    response.end(readFileSync(join(folder, name)));
  } catch {
    response.writeHead(404).end();
  }
}
