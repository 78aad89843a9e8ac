import { describe, expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { type GapEvent, type Strategy, whenIdle } from "../../src/index.js";
import { Listener, rest } from "../helpers/actors.js";
import {
  crash,
  isGap,
  kill,
  poolOf,
  Tree,
  type UserEvent,
  type UserMessage,
} from "../helpers/streams.js";

const keyCount = 12;

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      count: fc.integer({ min: 1, max: 60 }),
      seed: fc.nat(1000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("putAll" as const), seed: fc.nat(1000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("rest" as const),
      turns: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("server" as const),
      end: fc.constantFrom(kill, crash),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("worker" as const),
      pool: fc.constantFrom("sync", "async", "concurrent"),
      end: fc.constantFrom(kill, crash),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cache" as const) }) },
);

const settings = fc.record({
  partitions: fc.constantFrom(1, 4, 8),
  capacity: fc.constantFrom(5, 50, 10_000),
  strategy: fc.constantFrom<Strategy>("one_for_one", "rest_for_one"),
  failEvery: fc.constantFrom(0, 7, 23),
});

/** What one group was given: events that it handled to the end, and gaps. */
class Account {
  readonly messages: UserMessage[] = [];
  /** Attempts that were failed on purpose. */
  readonly failed = new Set<string>();

  shouldFail(event: UserEvent, every: number): boolean {
    const { topic, sequence, epoch } = event.metadata;
    const id = `${topic} ${sequence} ${epoch}`;
    if (every === 0 || sequence % every !== every - 1 || this.failed.has(id)) return false;
    this.failed.add(id);
    return true;
  }

  /**
   * The sequences of one log that it was given, or that were reported to it as lost, and in order of their handling.
   */
  of(partition: number, epoch: string): { handled: number[]; gaps: GapEvent[] } {
    const own = this.messages.filter((message) =>
      isGap(message)
        ? message.partition === partition && message.epoch === epoch
        : message.metadata.partition === partition && message.metadata.epoch === epoch,
    );
    return {
      handled: own
        .filter((message) => !isGap(message))
        .map((event) => (event as UserEvent).metadata.sequence),
      gaps: own.filter(isGap),
    };
  }
}

async function settle(tree: Tree): Promise<void> {
  await tree.ref("users");
  await tree.ref("users:stream");
  for (const pool of ["sync", "async", "concurrent"]) await tree.worker(0, pool);
}

describe("whatever crashes and is killed", () => {
  test("each group handles what was written, each key in order, except for exactly what is reported to it as lost", async () => {
    await fc.assert(
      asyncProperty(
        settings,
        fc.array(step, { minLength: 5, maxLength: 30 }),
        async (setting, steps) => {
          const accounts = { sync: new Account(), async: new Account(), concurrent: new Account() };
          const { partitions, capacity, strategy, failEvery } = setting;
          const take = (account: Account, event: UserEvent): void => {
            if (account.shouldFail(event, failEvery)) throw new Error("on purpose");
            account.messages.push(event);
          };
          const tree = await Tree.start({
            strategy,
            maxRestarts: 100_000,
            stream: { partitions, capacity, retain: 0 },
            children: (users) => [
              poolOf(
                users,
                {
                  handle: (event) => take(accounts.sync, event),
                  onGap: (gap) => void accounts.sync.messages.push(gap),
                },
                { id: "sync", maxAttempts: 2, maxRestarts: 100_000 },
              ),
              poolOf(
                users,
                {
                  handle: async (event, _state, { signal }) => {
                    await rest(event.metadata.sequence % 3 === 0 ? 1 : 0);
                    if (!signal.aborted) take(accounts.async, event);
                  },
                  onGap: (gap) => void accounts.async.messages.push(gap),
                },
                { id: "async", maxAttempts: 2, maxRestarts: 100_000 },
              ),
              poolOf(
                users,
                {
                  handle: async (event, _state, { signal }) => {
                    await rest(event.metadata.sequence % 4);
                    if (!signal.aborted) take(accounts.concurrent, event);
                  },
                  onGap: (gap) => void accounts.concurrent.messages.push(gap),
                },
                { id: "concurrent", concurrency: 3, maxAttempts: 2, maxRestarts: 100_000 },
              ),
            ],
          });
          const { users } = tree;
          using appended = new Listener<{ status: string; event: UserEvent }>(
            "nebulex.streams.broadcast",
          );
          try {
            for (const action of steps) {
              if (action.kind === "write") {
                for (let n = 0; n < action.count; n++) {
                  const key = `k${(action.seed * 31 + n * 7) % keyCount}`;
                  if ((action.seed + n) % 5 === 0) users.delete(key);
                  else users.put(key, n);
                }
              } else if (action.kind === "putAll")
                users.putAll(
                  [0, 1, 2, 3].map((n) => [`k${(action.seed + n * 5) % keyCount}`, n] as const),
                );
              else if (action.kind === "rest") await rest(action.turns);
              else if (action.kind === "server") {
                const ended = action.end(await tree.ref("users:stream"));
                users.put("k0", -1);
                await ended;
                users.put("k1", -1);
                await settle(tree);
              } else if (action.kind === "worker") {
                const worker = await tree.worker(0, action.pool);
                const ended = action.end(worker);
                users.put("k2", -1);
                await ended;
              } else {
                await kill(await tree.ref("users"));
                await settle(tree);
              }
            }
            await settle(tree);
            await whenIdle(users, { timeout: 10_000 });
          } finally {
            await tree.sup.stop();
          }
          const written = new Map<
            string,
            { partition: number; epoch: string; events: UserEvent[] }
          >();
          for (const { event } of appended.messages) {
            const { partition, epoch } = event.metadata;
            const id = `${partition} ${epoch}`;
            const log = written.get(id) ?? { partition: partition as number, epoch, events: [] };
            log.events.push(event);
            written.set(id, log);
          }
          for (const account of Object.values(accounts)) {
            let total = 0;
            for (const { partition, epoch, events } of written.values()) {
              const { handled, gaps } = account.of(partition, epoch);
              total += handled.length;
              const lost = gaps.flatMap(({ from, to }) =>
                Array.from({ length: to - from + 1 }, (_, index) => from + index),
              );
              expect([...handled, ...lost].sort((a, b) => a - b)).toEqual(
                events.map((_, index) => index),
              );
              // In order: over all keys without concurrency, and per key with it.
              const inOrder = (sequences: number[]): void =>
                expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
              if (account !== accounts.concurrent) inOrder(handled);
              for (let key = 0; key < keyCount; key++) {
                const about = new Set(
                  events
                    .filter(({ target }) =>
                      target.kind === "keys"
                        ? target.keys.includes(`k${key}`)
                        : target.kind === "key" && target.key === `k${key}`,
                    )
                    .map(({ metadata }) => metadata.sequence),
                );
                inOrder(handled.filter((sequence) => about.has(sequence)));
              }
            }
            expect(total).toBe(account.messages.filter((message) => !isGap(message)).length);
          }
        },
      ),
      { numRuns: 60, seed: 20_261_122 },
    );
  }, 120_000);
});
