import type { Milliseconds } from "../options.js";
import type { SeenNode, StreamName, StreamNode } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import { BoundedMap } from "./bounded-map.js";
import type { NodeStatus } from "./replicas.js";
import type { KnownNode } from "./stream-replicator.js";

/** Other nodes that are kept in mind. */
const maxNodes = 4096;

interface TrackedNode extends KnownNode {
  silent: boolean;
  lastHeard: Milliseconds;
  waiting: number;
  /** What it said of itself last: another text shows that it is alive. */
  info: string;
}

/** @internal */
export interface JournalNodesOptions {
  readonly port: JournalPort;
  readonly stream: StreamName;
  readonly now: () => Milliseconds;
  isOwn(node: string, epoch: string): boolean;
  /** A node has died: says so in the journal. Called again until it has been done. */
  markLost(node: StreamNode): Promise<void>;
  status(node: KnownNode, status: NodeStatus): void;
  /** Another node that is alive has this node's name. */
  taken(): void;
}

/**
 * The nodes of a stream as they announce themselves in its journal. A node whose name was in use
 * begins only once it is clear that the one before it is dead.
 *
 * @internal
 */
export class JournalNodes {
  readonly #options: JournalNodesOptions;
  readonly #known = new BoundedMap<string, TrackedNode>(maxNodes);
  /** What the holder of this node's name said of itself, by epoch. */
  #holder: { readonly epoch: string; readonly info: string } | undefined;
  /** Whether the name is this node's. */
  isClaimed = false;
  readonly #marking = new Set<string>();
  /** Since when nodes have been seen to be silent over the present connection, by node and epoch. */
  readonly #silentSince = new Map<string, Milliseconds>();

  constructor(options: JournalNodesOptions) {
    this.#options = options;
  }

  /** After an outage of the engine, all nodes seem silent, until they have announced themselves. */
  reconnected(): void {
    this.#silentSince.clear();
  }

  all(): Iterable<KnownNode> {
    return this.#known.values();
  }

  find(node: string): KnownNode | undefined {
    return this.#known.get(node);
  }

  /**
   * Announces this node, if the name is its own by now.
   *
   * @param ttl how long this holds
   */
  async beat(self: StreamNode, ttl: Milliseconds): Promise<void> {
    const { port, stream } = this.#options;
    const engine = port.engine();
    if (!this.isClaimed && !(await this.#claim())) return;
    this.#look(await engine.beat(stream, self, ttl));
  }

  async #claim(): Promise<boolean> {
    const { port, stream, isOwn, markLost } = this.#options;
    const engine = port.engine();
    const seen = await engine.nodes(stream);
    const holder = seen.find(({ node, epoch }) => node === port.nodeName && !isOwn(node, epoch));
    if (holder !== undefined && !holder.expired) {
      const { epoch, info } = holder;
      if (this.#holder?.epoch === epoch && this.#holder.info !== info) this.#options.taken();
      else this.#holder = { epoch, info };
      return false;
    }
    if (holder !== undefined) {
      // What it lost has its place before what this one writes.
      await markLost(holder);
      await engine.leave(stream, holder.node, holder.epoch);
    }
    this.isClaimed = true;
    return true;
  }

  #look(seen: readonly SeenNode[]): void {
    const { port, now } = this.#options;
    const present = new Set<string>();
    for (const other of seen) {
      if (other.node === port.nodeName) continue;
      present.add(other.node);
      this.#update(other);
      const id = idOf(other);
      if (!other.expired) this.#silentSince.delete(id);
      else if (!this.#silentSince.has(id)) this.#silentSince.set(id, now());
      else if (now() - (this.#silentSince.get(id) as number) >= port.heartbeat) this.#mark(other);
    }
    for (const [name, node] of this.#known) {
      if (present.has(name)) continue;
      this.#known.delete(name);
      this.#options.status(node, "down");
    }
  }

  #update({ node, epoch, startedAt, info, expired }: SeenNode): void {
    const { now, status } = this.#options;
    const before = this.#known.get(node);
    const isSame = before?.epoch === epoch;
    const isNews = !isSame || before?.info !== info;
    const tracked: TrackedNode = {
      node,
      epoch,
      startedAt,
      info,
      silent: expired,
      lastHeard: isNews ? now() : (before?.lastHeard ?? now()),
      waiting: waitingIn(info),
      skew: Infinity,
    };
    this.#known.set(node, tracked);
    if (!isSame) status(tracked, before === undefined ? "up" : "restarted");
    if (expired && (!isSame || before?.silent === false)) status(tracked, "silent");
    if (!expired && isSame && before?.silent === true) status(tracked, "up");
  }

  #mark(node: SeenNode): void {
    const { port, stream, markLost } = this.#options;
    const id = idOf(node);
    if (this.#marking.has(id)) return;
    this.#marking.add(id);
    const mark = async (): Promise<void> => {
      await markLost(node);
      await port.engine().leave(stream, node.node, node.epoch);
      this.#silentSince.delete(id);
    };
    mark()
      .catch(() => {
        // It is expired at the next look, too.
      })
      .finally(() => this.#marking.delete(id));
  }
}

const idOf = ({ node, epoch }: SeenNode): string => JSON.stringify([node, epoch]);

/** What a node says of itself. @internal */
export function describeSelf(beats: number, waiting: number): string {
  return JSON.stringify({ beats, waiting });
}

/** What another node says is not trusted. */
function waitingIn(info: string): number {
  try {
    const { waiting } = JSON.parse(info) as { waiting?: unknown };
    return Number.isSafeInteger(waiting) && (waiting as number) >= 0 ? (waiting as number) : 0;
  } catch {
    return 0;
  }
}
