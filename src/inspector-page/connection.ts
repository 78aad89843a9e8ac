import type { Milliseconds } from "../options.js";
import { paths } from "../inspector/protocol.js";
import type { Snapshot } from "../inspector/snapshot.js";
import { applyUpdate, type Update } from "../inspector/update.js";

/** Without a message for so long, what is shown is old. */
const oldAfter: Milliseconds = 5000;
/** Between two attempts, where the browser makes none by itself. */
const retryAfter: Milliseconds = 2000;

/** How the connection to the server is; `full`: the server has too many pages. */
export type Link = "connecting" | "open" | "reconnecting" | "full";

/** The server's messages, and the state that they make. */
export class Connection {
  snapshot: Snapshot | undefined;
  link: Link = "connecting";
  readonly #changed: (received: boolean) => void;
  #lastMessage = performance.now();
  #wasOld = false;

  /** @param changed called after each message, and after each change of the connection */
  constructor(changed: (received: boolean) => void) {
    this.#changed = changed;
    this.#open();
    setInterval(() => this.#check(), 500);
  }

  /** How long ago the last message came, if that is too long ago; undefined: it is not. */
  get oldFor(): Milliseconds | undefined {
    const time = performance.now() - this.#lastMessage;
    return time > oldAfter ? time : undefined;
  }

  #open(): void {
    const events = new EventSource(paths.events);
    events.addEventListener("snapshot", ({ data }: MessageEvent<string>) =>
      this.#receive(JSON.parse(data) as Snapshot),
    );
    events.addEventListener("update", ({ data }: MessageEvent<string>) => {
      if (this.snapshot !== undefined)
        this.#receive(applyUpdate(this.snapshot, JSON.parse(data) as Update));
    });
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) void this.#refused();
      else this.#set("reconnecting");
    });
  }

  #receive(snapshot: Snapshot): void {
    this.snapshot = snapshot;
    this.link = "open";
    this.#lastMessage = performance.now();
    this.#wasOld = false;
    this.#changed(true);
  }

  /** The browser does not connect again by itself. */
  async #refused(): Promise<void> {
    const status = await statusOf(paths.events);
    // The login is over: the page's address shows the form.
    if (status === 401) return location.reload();
    this.#set(status === 503 ? "full" : "reconnecting");
    setTimeout(() => this.#open(), retryAfter);
  }

  #set(link: Link): void {
    this.link = link;
    this.#changed(false);
  }

  #check(): void {
    const isOld = this.oldFor !== undefined;
    if (isOld || this.#wasOld) this.#changed(false);
    this.#wasOld = isOld;
  }
}

async function statusOf(path: string): Promise<number | undefined> {
  try {
    return (await fetch(path, { method: "HEAD" })).status;
  } catch {
    return undefined;
  }
}
