import type { Action, ActionResult, DeadLetterPage } from "../../src/inspector/protocol.js";
import type {
  About,
  CacheRow,
  ErrorText,
  Exit,
  GroupRow,
  NodeRow,
  PartitionRow,
  StreamRow,
  Tables,
  TreeRow,
} from "../../src/inspector/snapshot.js";
import { type InspectorSource, type LettersRequest, Refusal } from "../../src/inspector/source.js";
import { Timeline } from "../../src/inspector/timeline.js";
import { SeededRandom } from "../../src/testing/random.js";

/** A key and an error that would be markup on a careless page. */
export const hostile = `"><img src=x onerror="document.title='pwned'"><script>document.title='pwned'</script>`;

export interface FakeOptions {
  /** Children of the dynamic supervisor. Default 40. */
  readonly children?: number;
  /** Default 8. */
  readonly partitions?: number;
  readonly kind?: About["kind"];
  /** Of what goes wrong. Default {@link hostile}. */
  readonly key?: string;
}

function crashOf(key: string): Exit & { error: ErrorText } {
  const message = `card of customer ${key} was declined`;
  const reason = `PaymentError: ${message}`;
  const stack = `${reason}\n    at charge (file:///app/pay.js:12:9)\n    at handle (file:///app/main.js:40:3)`;
  return { time: 0, clean: false, reason, error: { name: "PaymentError", message, stack } };
}

/** An invented system, for work on the page: it lives, crashes and lags with every `step`. */
export class FakeSource implements InspectorSource {
  readonly timeline: Timeline;
  readonly act = (action: Action): Promise<ActionResult> => this.#act(action);
  looked = 0;
  trouble: string | null = null;
  readonly #random = new SeededRandom(16);
  readonly #now: () => number;
  readonly #kind: About["kind"];
  readonly #key: string;
  readonly #tree = new Map<string, TreeRow>();
  readonly #streams: StreamRow[];
  readonly #partitions = new Map<string, PartitionRow>();
  readonly #groups = new Map<string, GroupRow>();
  readonly #caches = new Map<string, CacheRow>();
  readonly #nodes = new Map<string, NodeRow>();
  readonly #letters: string[] = ["0:1", "0:2", "1:7"];

  constructor(now: () => number, options: FakeOptions = {}) {
    const { children = 40, partitions = 8, kind = "process", key = hostile } = options;
    this.#now = now;
    this.#kind = kind;
    this.#key = key;
    this.timeline = new Timeline(now);
    this.#streams = [stream("s1", "orders", partitions), stream("s2", "sessions", null)];
    if (kind === "process") this.#makeTree(children, partitions);
    for (let index = 0; index < partitions; index++) this.#makePartition("s1", index);
    this.#makePartition("s2", 0);
    this.#makeCaches();
    for (const node of ["shop-1", "shop-2", "shop-3"]) this.#makeNode(node);
  }

  about(): Pick<About, "kind" | "title" | "trouble"> {
    const title = this.#kind === "process" ? "shop" : "orders on a broker";
    return { kind: this.#kind, title, trouble: this.trouble };
  }

  begin(): void {
    this.looked++;
  }

  end(): void {
    this.looked--;
  }

  read(): Tables {
    return {
      tree: [...this.#tree.values()],
      streams: this.#streams,
      partitions: [...this.#partitions.values()],
      groups: [...this.#groups.values()],
      caches: this.#kind === "process" ? [...this.#caches.values()] : [],
      nodes: [...this.#nodes.values()],
    };
  }

  /** Lets some time pass: `seconds` of it. */
  step(seconds: number): void {
    for (const row of this.#partitions.values()) {
      const events = row.events + Math.floor(this.#rate(row) * seconds);
      this.#partitions.set(row.id, { ...row, events, kept: Math.min(events, 1024) });
    }
    for (const row of this.#groups.values()) this.#read(row, seconds);
    for (const row of this.#caches.values()) this.#use(row, seconds);
    for (const row of this.#nodes.values())
      if (!row.self && row.status === "up")
        this.#nodes.set(row.id, { ...row, heardAt: Math.floor(this.#now() / 1000) * 1000 });
    if (this.#random.next() < seconds / 5) this.crashChild();
    if (this.#random.next() < seconds / 10) this.#changeOwner();
  }

  /** A child crashes, and is started again. */
  crashChild(): void {
    const workers = [...this.#tree.values()].filter(({ kind }) => kind === "worker");
    const row = workers[Math.floor(this.#random.next() * workers.length)];
    if (row === undefined) return;
    const time = Math.round(this.#now());
    const crash = crashOf(this.#key);
    this.#tree.set(row.id, {
      ...row,
      incarnation: row.incarnation + 1,
      startedAt: time,
      lastExit: { ...crash, time },
    });
    this.timeline.add(() => ({
      kind: "exit",
      level: "warn",
      text: `${row.name} ended: ${crash.reason}`,
      subject: row.path,
      details: [["supervisor", row.parent ?? ""]],
      error: crash.error,
    }));
    this.timeline.add(() => ({
      kind: "restart",
      level: "warn",
      text: `${row.name} restarts`,
      subject: row.path,
      details: [["attempt", "1"]],
      error: null,
    }));
  }

  deadLetters({ values, limit }: LettersRequest): Promise<DeadLetterPage> {
    const letters = this.#letters.slice(0, limit).map((id, index) => ({
      id,
      partition: Number(id[0]),
      position: 100 + index,
      time: Math.round(this.#now()) - 60_000,
      attempts: 3,
      type: "inserted",
      command: "put",
      node: "shop-2",
      keys: [this.#key],
      value: values ? `{ customer: '${this.#key}' }` : null,
      previous: null,
      error: { name: "PaymentError", message: crashOf(this.#key).error.message, stack: null },
    }));
    return Promise.resolve({ letters, more: this.#letters.length > limit });
  }

  async #act({ name, of }: Action): Promise<ActionResult> {
    switch (name) {
      case "restart":
      case "terminate": {
        const row = this.#tree.get(of.child);
        if (row === undefined) throw new Refusal(404, "there is no such child");
        if (row.incarnation !== of.incarnation) throw new Refusal(409, "it has been restarted");
        const isUp = name === "restart";
        this.#tree.set(row.id, {
          ...row,
          state: isUp ? "running" : "stopped",
          incarnation: row.incarnation + (isUp ? 1 : 0),
          startedAt: isUp ? Math.round(this.#now()) : null,
        });
        return { text: `${name} of ${row.name}: done`, count: 1, subject: row.path };
      }
      case "pause":
      case "resume":
      case "seek": {
        const rows = [...this.#groups.values()].filter(
          (row) =>
            row.stream === of.stream &&
            row.group === of.group &&
            (of.partition ?? row.partition) === row.partition,
        );
        for (const row of rows)
          this.#groups.set(row.id, {
            ...row,
            paused: name === "seek" ? row.paused : name === "pause",
            ...(name === "seek" ? { lag: of.to === "latest" ? 0 : row.last + 1 } : {}),
          });
        return {
          text: `${name} of ${rows.length} partitions: done`,
          count: rows.length,
          subject: "orders",
        };
      }
      case "retry":
      case "drop": {
        const ids = of.ids === "all" ? [...this.#letters] : of.ids;
        let count = 0;
        for (const id of ids) {
          const at = this.#letters.indexOf(id);
          if (at === -1) continue;
          this.#letters.splice(at, 1);
          count++;
        }
        return { text: `${count} dead letters: ${name}`, count, subject: "orders" };
      }
    }
  }

  /** Events a second: slow waves, with some noise. */
  #rate({ partition }: PartitionRow): number {
    const wave = Math.sin(this.#now() / 60_000 + partition) * 700;
    return 1500 + (partition % 3) * 400 + wave + this.#random.next() * 500;
  }

  #read(row: GroupRow, seconds: number): void {
    if (row.group === null) return;
    const { events } = this.#partitions.get(`${row.stream}:${row.partition}`) as PartitionRow;
    // One partition is slow now and then.
    const isSlow = row.partition === 2 && Math.floor(this.#now() / 20_000) % 2 === 0;
    const stopped = row.paused || row.owner === null;
    const position = stopped
      ? row.position
      : isSlow
        ? Math.min(events, row.position + Math.floor(500 * seconds))
        : Math.min(events, row.position + Math.floor(8000 * seconds));
    const lag = events - position;
    this.#groups.set(row.id, {
      ...row,
      position,
      last: events - 1,
      lag,
      oldestAt: lag === 0 ? null : (row.oldestAt ?? Math.round(this.#now())),
      handled: this.#kind === "process" ? position : null,
      busy: this.#kind === "process" ? position / 50 : null,
      failures: isSlow ? 1 : 0,
    });
  }

  #use(row: CacheRow, seconds: number): void {
    if (row.counts === null) return;
    const hits = row.counts.hits + Math.floor(9000 * seconds * this.#random.next());
    const misses = row.counts.misses + Math.floor(300 * seconds * this.#random.next());
    this.#caches.set(row.id, { ...row, counts: { ...row.counts, hits, misses } });
  }

  #changeOwner(): void {
    const rows = [...this.#groups.values()].filter(({ scope }) => scope === "cluster");
    const row = rows[Math.floor(this.#random.next() * rows.length)];
    if (row === undefined) return;
    const nodes = ["shop-1", "shop-2", "shop-3", null];
    const owner = nodes[Math.floor(this.#random.next() * nodes.length)] ?? null;
    const fence = row.fence + 1;
    this.#groups.set(row.id, { ...row, owner, here: owner === "shop-1", fence });
    this.timeline.add(() => ({
      kind: "owner",
      level: owner === null ? "error" : "info",
      text: `${row.group}, partition ${row.partition}: ${owner ?? "nobody"}`,
      subject: `orders/${row.partition}`,
      details: [["fence", String(fence)]],
      error: null,
    }));
  }

  #makeTree(children: number, partitions: number): void {
    const root = this.#row(null, "shop", "system");
    const top = this.#row(root, "supervisor", "supervisor", "rest_for_one");
    this.#row(top, "orders", "worker", undefined, { table: "caches", id: "c1" });
    this.#row(top, "orders:stream", "worker", undefined, { table: "streams", id: "s1" });
    const pool = this.#row(top, "orders:handlers", "supervisor", "one_for_one");
    for (let index = 0; index < partitions; index++)
      this.#row(pool, `orders:handlers:${index}`, "worker");
    const sessions = this.#row(top, "sessions:workers", "supervisor", "dynamic");
    for (let index = 0; index < children; index++)
      this.#row(sessions, `session-${index}`, "worker");
  }

  #row(
    parent: TreeRow | null,
    name: string,
    kind: TreeRow["kind"],
    strategy?: NonNullable<TreeRow["supervisor"]>["strategy"],
    runs: TreeRow["runs"] = null,
  ): TreeRow {
    const row: TreeRow = {
      id: `a${this.#tree.size + 1}`,
      parent: parent?.id ?? null,
      place: this.#tree.size,
      name,
      path: `${parent?.path ?? ""}/${name}`,
      kind,
      state: "running",
      incarnation: 1,
      startedAt: Math.round(this.#now()),
      mailbox: 0,
      restart: kind === "system" ? null : "permanent",
      shutdown: kind === "system" ? null : kind === "supervisor" ? "infinity" : 5000,
      supervisor:
        strategy === undefined
          ? null
          : {
              strategy,
              restarts: 0,
              lastRestart: null,
              maxRestarts: 3,
              window: 5000,
              children: 0,
            },
      lastExit: null,
      runs,
    };
    this.#tree.set(row.id, row);
    return row;
  }

  #makePartition(of: string, partition: number): void {
    const isProcess = this.#kind === "process";
    const row: PartitionRow = {
      id: `${of}:${partition}`,
      stream: of,
      partition,
      events: 0,
      types: isProcess ? { inserted: 0, updated: 0, deleted: 0, expired: 0, evicted: 0 } : null,
      kept: 0,
      capacity: isProcess ? 262_144 : null,
      readers: isProcess ? 2 : null,
    };
    this.#partitions.set(row.id, row);
    if (of !== "s1") return;
    this.#groups.set(`${row.id}:mail`, group(`${row.id}:mail`, partition, "mail", "cluster"));
    if (isProcess)
      this.#groups.set(
        `${row.id}:index`,
        group(`${row.id}:index`, partition, "orders:handlers", "node"),
      );
  }

  #makeCaches(): void {
    const counts = { hits: 0, misses: 0, writes: 10, deletions: 1, evictions: 2, expirations: 3 };
    const row = {
      id: "c1",
      cache: "orders",
      name: "orders",
      entries: 1200,
      unavailable: null,
      counts,
      near: null,
    };
    this.#caches.set("c1", { ...row, store: "local" });
    const near = { entries: 100, hits: 5000, misses: 40 };
    this.#caches.set("c2", { ...row, id: "c2", name: "sessions", store: "remote", near });
    this.#caches.set("c3", {
      ...row,
      id: "c3",
      name: "away",
      store: "remote",
      entries: null,
      counts: null,
    });
  }

  #makeNode(node: string): void {
    const self = this.#kind === "process" && node === "shop-1";
    this.#nodes.set(node, {
      id: node,
      stream: "s1",
      node,
      self,
      over: "journal",
      status: node === "shop-3" ? "silent" : "up",
      connection: self ? "connected" : null,
      epoch: "6f2a9c3d11e07b58",
      startedAt: Math.round(this.#now()) - 3_600_000,
      shape: { partitions: 8, hash: "defaultHash" },
      heardAt: self ? null : Math.round(this.#now()),
      outbox: 0,
      ahead: self ? null : 3,
    });
  }
}

function stream(id: string, name: string, partitions: number | null): StreamRow {
  return {
    id,
    cache: name,
    name,
    partitions,
    epoch: "6f2a9c3d11e07b58",
    pubsub: null,
    journal: id === "s1" ? "shop-1" : null,
    registered: true,
    discarded: 0,
    unroutable: 0,
  };
}

function group(id: string, partition: number, name: string, scope: GroupRow["scope"]): GroupRow {
  const owner = scope === "node" ? "shop-1" : (["shop-1", "shop-2", null][partition % 3] ?? null);
  return {
    id,
    stream: "s1",
    partition,
    group: name,
    scope,
    owner,
    here: owner === "shop-1",
    fence: scope === "cluster" ? 41 : 0,
    paused: scope === "cluster" && partition === 4,
    position: 0,
    last: -1,
    lag: 0,
    oldestAt: null,
    handled: 0,
    busy: 0,
    failures: 0,
    deadLetters: partition === 0 ? 2 : partition === 1 ? 1 : 0,
    gaps: partition === 1 ? { overrun: 2, transport: 1 } : {},
    dropped: partition === 1 ? 512 : 0,
    coalesced: 0,
  };
}
