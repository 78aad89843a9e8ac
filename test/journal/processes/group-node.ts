import {
  type Cache,
  type ClusterGroupStatus,
  clusterGroup,
  defineCache,
  getStream,
  handlerPool,
  type Journal,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "../../../src/index.js";
import { natsJournal } from "../../../src/nats.js";
import { redisJournal } from "../../../src/redis.js";
import type { WriterReport } from "../../cluster/processes/protocol.js";
import { Writer } from "../../cluster/processes/writer.js";
import { Bookkeeper } from "./bookkeeper.js";
import type { GroupNodeApi, GroupNodeConfig, GroupNodeStatus } from "./protocol.js";

const group = "books";

/** A cache whose stream has a journal, a writer, and a member of the group that keeps the books. */
export class GroupNode implements GroupNodeApi {
  readonly #cache: Cache<string, number>;
  readonly #journal: Journal;
  readonly #tree: Supervisor;
  readonly #writer: Writer;

  private constructor(
    config: GroupNodeConfig,
    cache: Cache<string, number>,
    journal: Journal,
    tree: Supervisor,
  ) {
    this.#cache = cache;
    this.#journal = journal;
    this.#tree = tree;
    this.#writer = new Writer(cache, config.partitions, config.writer, () => {});
  }

  static async start(config: GroupNodeConfig): Promise<GroupNode> {
    const { partitions, leaseTime } = config;
    const cache = defineCache<string, number>({ name: "shared" });
    const journal = journalOf(config);
    const books = new Bookkeeper(config.books, config.node);
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        journal,
        cache,
        streamServer({ cache, journal, partitions }),
        handlerPool({
          cache,
          group,
          scope: "cluster",
          from: "earliest",
          leaseTime,
          handler: {
            handle: (event, _state, ctx) => books.event(event, ctx.fence),
            onGap: (gap, _state, ctx) => books.gap(gap, ctx.fence),
          },
        }),
      ],
    });
    return new GroupNode(config, cache, journal, tree);
  }

  status(): GroupNodeStatus {
    return { journal: this.#journal.status, written: this.#writer.written };
  }

  group(): Promise<ClusterGroupStatus[]> {
    return clusterGroup(this.#cache, group).status();
  }

  write(rate: number): void {
    this.#writer.write(rate);
  }

  rest(): void {
    this.#writer.rest();
  }

  report(): WriterReport {
    return this.#writer.report(getStream(this.#cache).epoch);
  }

  async stop(): Promise<void> {
    this.#writer.close();
    await this.#tree.stop();
  }
}

function journalOf({ engine, node, address, heartbeat }: GroupNodeConfig): Journal {
  const { host, port } = address;
  const common = { nodeName: node, heartbeat };
  return engine === "redis"
    ? redisJournal({ url: `redis://${host}:${port}`, ...common })
    : natsJournal({ servers: `${host}:${port}`, ...common });
}
