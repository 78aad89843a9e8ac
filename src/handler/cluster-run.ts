import { isCleanExit } from "../actor/exit.js";
import type { ActorRef } from "../actor/ref.js";
import type { StartContext } from "../actor/start-context.js";
import { type Behavior, spawnIn } from "../actor/types.js";
import { OptionError, SupervisorError } from "../errors.js";
import { GroupMember } from "../group/member.js";
import type { JournalPort } from "../journal/types.js";
import type { Milliseconds } from "../options.js";
import type { Stream } from "../stream/stream.js";
import { type ChildSpec, resolveChildSpec, type Shutdown } from "../supervisor/child-spec.js";
import { type Supervisor, supervisorOf } from "../supervisor/handle.js";
import { warnOfError } from "../telemetry/channels.js";
import type { WorkerOptions } from "./delivery.js";
import type { PoolRun } from "./pool.js";
import { type OpenCursor, Worker } from "./worker.js";

/** What a pool of cluster scope was given. @internal */
export interface ClusterSettings {
  readonly group?: string | undefined;
  readonly events: number;
  readonly from: "latest" | "earliest";
  readonly leaseTime: Milliseconds;
  readonly shutdown?: Shutdown | undefined;
}

/**
 * A pool that shares the partitions with those of other nodes: one child a partition, which runs
 * while this node owns it, and behind them the member of the group, which is stopped first.
 *
 * @param optionsOf the options of a partition's worker
 * @throws OptionError for a stream without a journal
 * @internal
 */
export function clusterRun(
  id: string,
  stream: Stream,
  settings: ClusterSettings,
  optionsOf: (index: number) => WorkerOptions,
): PoolRun {
  const { journal } = stream;
  if (journal === null)
    throw OptionError.invalid(
      "scope",
      `"node" for a stream without a journal: give the streamServer of ${stream.slot.name} one`,
      "cluster",
    );
  const handlesGaps = (index: number): boolean =>
    optionsOf(index).makeHandler().onGap !== undefined;
  const run = new ClusterRun(id, stream, journal, settings, handlesGaps);
  const workers = stream.logs.map(({ index }) => ({
    spec: run.workerSpec(index, optionsOf(index)),
    partitions: [index],
  }));
  return {
    children: [...workers, { spec: run.memberSpec(), partitions: [] }],
    handledIn: (index) => run.member?.handledIn(index) ?? 0,
  };
}

class ClusterRun {
  member: GroupMember | undefined;
  readonly #id: string;
  readonly #stream: Stream;
  readonly #port: JournalPort;
  readonly #settings: ClusterSettings;
  readonly #handlesGaps: (index: number) => boolean;
  /** Of partitions whose workers are started before there is something to read. */
  readonly #leases = new Map<number, AwaitedLease>();

  constructor(
    id: string,
    stream: Stream,
    port: JournalPort,
    settings: ClusterSettings,
    handlesGaps: (index: number) => boolean,
  ) {
    this.#id = id;
    this.#stream = stream;
    this.#port = port;
    this.#settings = settings;
    this.#handlesGaps = handlesGaps;
  }

  workerSpec(index: number, options: WorkerOptions): ChildSpec {
    const id = this.#workerId(index);
    const start = async (parent: StartContext): Promise<ActorRef | "ignore"> => {
      const mayBegin = this.#leases.get(index)?.isTaken;
      if (mayBegin === undefined && this.member?.find(index)?.cursor === undefined) return "ignore";
      const open: OpenCursor = (reader) => {
        const cursor = this.member?.find(index)?.cursor;
        if (cursor === undefined) throw new Error(`partition ${index} is not owned any more`);
        cursor.reattach(reader, { mask: options.mask, gaps: true, skipOrigin: undefined });
        return cursor;
      };
      const worker = new Worker(this.#stream, options, open, mayBegin);
      const cell = parent[spawnIn](worker, {
        id,
        onStopRequested: (reason) => worker.stopRequested(reason),
      });
      // A failed `init` is a crash: the supervisor restarts the worker.
      cell.ready.catch(() => {});
      return cell.ref;
    };
    return this.#spec(id, start);
  }

  memberSpec(): ChildSpec {
    const id = `${this.#id}:member`;
    const start = async (parent: StartContext): Promise<ActorRef> => {
      const member = this.#makeMember(supervisorOf(parent.supervisor));
      const behavior: Behavior = {
        init: () => member.begin(),
        receive: () => {},
        terminate: (reason) => (isCleanExit(reason) ? member.leave() : undefined),
      };
      const cell = parent[spawnIn](behavior, { id });
      cell.onDeath(() => member.abandon());
      this.member = member;
      return (await cell.ready) as ActorRef;
    };
    return this.#spec(id, start);
  }

  #makeMember(pool: Supervisor): GroupMember {
    const { group = this.#id, events, from, leaseTime } = this.#settings;
    return new GroupMember({
      stream: this.#stream,
      port: this.#port,
      group,
      mask: events,
      from,
      leaseTime,
      workers: {
        handlesGaps: this.#handlesGaps,
        prepare: (index) => {
          this.#leases.set(index, newLease());
          void this.#startWorker(pool, index);
        },
        start: (index) => {
          this.#settleLease(index, true);
          void this.#startWorker(pool, index);
        },
        end: (index) => {
          this.#settleLease(index, false);
          return this.#endWorker(pool, index);
        },
      },
    });
  }

  async #startWorker(pool: Supervisor, index: number): Promise<void> {
    try {
      await pool.restartChild(this.#workerId(index));
    } catch (error) {
      // One that waits for its restart reads what there is by then.
      if (error instanceof SupervisorError && error.reason !== "failed_to_start_child") return;
      warnOfError(`the worker ${this.#workerId(index)} could not be started`, error);
    }
  }

  #settleLease(index: number, isTaken: boolean): void {
    this.#leases.get(index)?.settle(isTaken);
    this.#leases.delete(index);
  }

  async #endWorker(pool: Supervisor, index: number): Promise<void> {
    try {
      await pool.terminateChild(this.#workerId(index));
    } catch {
      // The pool is ending, and its workers with it.
    }
  }

  #workerId(index: number): string {
    return `${this.#id}:${index}`;
  }

  #spec(id: string, start: ChildSpec["start"]): ChildSpec {
    const { shutdown } = this.#settings;
    return resolveChildSpec({ id, start, ...(shutdown === undefined ? undefined : { shutdown }) });
  }
}

/** A lease that is asked for. */
interface AwaitedLease {
  /** Whether its worker may begin. */
  readonly isTaken: Promise<boolean>;
  settle(isTaken: boolean): void;
}

function newLease(): AwaitedLease {
  let settle: (isTaken: boolean) => void = () => {};
  const isTaken = new Promise<boolean>((resolve) => (settle = resolve));
  return { isTaken, settle };
}
