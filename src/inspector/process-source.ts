import type { ActorRef } from "../actor/ref.js";
import type { ActorSystem } from "../actor/types.js";
import type { Instance } from "../cache/instance.js";
import { instanceRunBy } from "../cache/start-instance.js";
import { streamServedBy, type Stream } from "../stream/stream.js";
import { wallClockNow } from "../timers.js";
import { CacheReader } from "./cache-rows.js";
import { ClusterGroups } from "./cluster-rows.js";
import { Ids } from "./ids.js";
import { carryOut, readLetters } from "./process-actions.js";
import type { Action, ActionResult, DeadLetterPage } from "./protocol.js";
import type { About, Tables } from "./snapshot.js";
import { type InspectorSource, type LettersRequest, Refusal } from "./source.js";
import { groupRows, nodeRows, partitionRows, streamRow } from "./stream-rows.js";
import { Timeline } from "./timeline.js";
import { type TreeEntry, TreeReader } from "./tree-rows.js";

/** A stream that is shown, for as long as it is open. */
interface ShownStream {
  readonly id: string;
  readonly groups: ClusterGroups;
}

/**
 * The system that an inspector runs in: its tree and what the actors there run, read when it is
 * asked for. Nothing is kept while nobody looks, but for the timeline.
 *
 * @internal
 */
export class ProcessSource implements InspectorSource {
  readonly timeline = new Timeline(wallClockNow);
  readonly act = (action: Action): Promise<ActionResult> =>
    // Its effect is shown at once.
    carryOut(this.#place, action).finally(() => {
      for (const { groups } of this.#streams.values()) groups.renew();
    });
  readonly #system: ActorSystem;
  readonly #tree: TreeReader;
  readonly #streamIds = new Ids("s");
  readonly #cacheIds = new Ids("c");
  readonly #streams = new Map<Stream, ShownStream>();
  readonly #caches = new Map<Instance, CacheReader>();
  readonly #place: Parameters<typeof carryOut>[0];

  constructor(system: ActorSystem, self: ActorRef) {
    this.#system = system;
    this.#tree = new TreeReader(system, new Ids("a"), (ref) => this.#runsOf(ref));
    this.#place = {
      self,
      tree: () => this.#tree.read(),
      stream: (id) => this.#streamOf(id),
    };
  }

  about(): Pick<About, "kind" | "title" | "trouble"> {
    const troubles = [...this.#streams.values()].map(({ groups }) => groups.trouble);
    const trouble = troubles.find((one) => one !== null) ?? null;
    return { kind: "process", title: this.#system.name, trouble };
  }

  begin(): void {}

  end(): void {
    this.#tree.forget();
    this.#streams.clear();
    this.#caches.clear();
  }

  read(): Tables {
    const entries = this.#tree.read();
    this.#note(entries);
    const streams = [...this.#streams];
    return {
      tree: entries.map(({ row }) => row),
      streams: streams.map(([stream, { id }]) => streamRow(id, stream)),
      partitions: streams.flatMap(([stream, { id }]) => partitionRows(id, stream)),
      groups: streams.flatMap(([stream, { id, groups }]) => [
        ...groupRows(id, stream),
        ...groups.rows(id),
      ]),
      caches: Array.from(this.#caches, ([instance, reader]) =>
        reader.row(this.#cacheIds.of(instance.ref)),
      ),
      nodes: streams.flatMap(([stream, { id }]) => nodeRows(id, stream)),
    };
  }

  deadLetters(request: LettersRequest): Promise<DeadLetterPage> {
    return readLetters(this.#place, request);
  }

  /** A stream whose server is just being restarted stays, a cache that has ended does not. */
  #note(entries: readonly TreeEntry[]): void {
    const running = new Set<Instance>();
    for (const { ref } of entries) {
      if (ref === undefined) continue;
      const stream = streamServedBy(ref);
      if (stream !== undefined && stream.open && !this.#streams.has(stream))
        this.#streams.set(stream, this.#shown(stream));
      const instance = instanceRunBy(ref);
      if (instance === undefined || !ref.alive) continue;
      running.add(instance);
      if (!this.#caches.has(instance)) this.#caches.set(instance, new CacheReader(instance));
    }
    for (const stream of this.#streams.keys()) if (!stream.open) this.#streams.delete(stream);
    for (const instance of this.#caches.keys())
      if (!running.has(instance)) this.#caches.delete(instance);
  }

  #shown(stream: Stream): ShownStream {
    return { id: this.#streamIds.of(stream), groups: new ClusterGroups(stream) };
  }

  #runsOf(ref: ActorRef): { table: "streams" | "caches"; id: string } | null {
    const stream = streamServedBy(ref);
    if (stream !== undefined && stream.server === ref && stream.open)
      return { table: "streams", id: this.#streamIds.of(stream) };
    const instance = instanceRunBy(ref);
    return instance === undefined ? null : { table: "caches", id: this.#cacheIds.of(instance.ref) };
  }

  /** @throws Refusal */
  #streamOf(id: string): Stream {
    for (const { ref } of this.#tree.read()) {
      const stream = ref === undefined ? undefined : streamServedBy(ref);
      if (stream?.open === true && this.#streamIds.of(stream) === id) return stream;
    }
    throw new Refusal(404, "there is no such stream any more");
  }
}
