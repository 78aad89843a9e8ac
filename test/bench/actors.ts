// Rates of actors and restarts, beside bare nact in the same run. Run it with: npx tsx test/bench/actors.ts
import {
  dispatch as nactDispatch,
  query as nactQuery,
  spawn as nactSpawn,
  start,
  stop as nactStop,
} from "nact";
import {
  actor,
  type ActorRef,
  createSystem,
  type ReplyTo,
  spawn,
  startSupervisor,
} from "../../src/actor.js";

const rounds = 5;
const spawns = 20_000;
const messages = 500_000;
const queries = 50_000;
const restarts = 20_000;

type Run = () => Promise<number>;

/** Operations a second; the median of some rounds. */
async function medians(runs: Record<string, Run>): Promise<Map<string, number>> {
  const rates = new Map<string, number[]>(Object.keys(runs).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(runs)) {
      const begin = performance.now();
      const operations = await run();
      rates.get(name)?.push((operations / (performance.now() - begin)) * 1000);
    }
  }
  return new Map(
    [...rates].map(([name, all]) => [name, all.sort((a, b) => a - b)[rounds >> 1] ?? 0]),
  );
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const system = createSystem();
const bare = start();
let names = 0;

/** Spawns and stops a hundred at a time. */
const inGroups = async (group: (size: number) => Promise<unknown>): Promise<number> => {
  for (let done = 0; done < spawns; done += 100) await group(100);
  return spawns;
};

let handled = 0;
const counter = await spawn<undefined, number>(system, {
  receive: () => {
    handled++;
  },
});
const bareCounter = nactSpawn(bare, () => void handled++, "counter");

async function dispatchAll(dispatch: (n: number) => void): Promise<number> {
  handled = 0;
  for (let n = 0; n < messages; n++) {
    dispatch(n);
    if (n % 1000 === 999) await turn();
  }
  while (handled < messages) await turn();
  return messages;
}

const echo = await spawn<undefined, ReplyTo<number>>(system, {
  receive: (_state, reply) => reply.dispatch(1),
});
const bareEcho = nactSpawn(
  bare,
  (_state: unknown, reply: Parameters<typeof nactDispatch>[0]) => nactDispatch(reply, 1),
  "echo",
);

let arrived: (ref: ActorRef) => void = () => {};
const sup = await startSupervisor({
  strategy: "one_for_one",
  maxRestarts: 1_000_000_000,
  maxSeconds: 1,
  children: [
    actor({
      id: "worker",
      init: (ctx) => arrived(ctx.self as ActorRef),
      receive: () => {
        throw new Error("crash");
      },
    }),
  ],
});

const rates = await medians({
  "spawn + stop": () =>
    inGroups(async (size) => {
      const spawned = Array.from({ length: size }, () => spawn(system, { receive: () => {} }));
      await Promise.all((await Promise.all(spawned)).map((ref) => ref.stop()));
    }),
  "spawn + stop, nact": () =>
    inGroups(async (size) => {
      const refs = Array.from({ length: size }, () => nactSpawn(bare, () => {}, `a${++names}`));
      await turn();
      for (const ref of refs) nactStop(ref);
      await turn();
    }),
  dispatch: () => dispatchAll((n) => counter.dispatch(n)),
  "dispatch, nact": () => dispatchAll((n) => nactDispatch(bareCounter, n)),
  query: async () => {
    for (let n = 0; n < queries; n++) await echo.query((reply: ReplyTo<number>) => reply, 1000);
    return queries;
  },
  "query, nact": async () => {
    for (let n = 0; n < queries; n++) await nactQuery(bareEcho, (reply) => reply, 1000);
    return queries;
  },
  restart: async () => {
    let ref = (await sup.whichChildren())[0]?.ref as ActorRef;
    for (let n = 0; n < restarts; n++) {
      const next = new Promise<ActorRef>((resolve) => {
        arrived = resolve;
      });
      ref.dispatch("crash");
      ref = await next;
    }
    return restarts;
  },
});

const rate = (name: string): number => rates.get(name) ?? Number.NaN;
for (const name of ["spawn + stop", "dispatch", "query"]) {
  const ratio = rate(name) / rate(`${name}, nact`);
  console.log(
    `${name.padEnd(14)}${rate(name).toFixed(0).padStart(10)}/s   nact ${rate(`${name}, nact`).toFixed(0).padStart(9)}/s   ratio ${ratio.toFixed(2)}`,
  );
}
const ratio = rate("restart") / rate("spawn + stop, nact");
console.log(
  `${"restart".padEnd(14)}${rate("restart").toFixed(0).padStart(10)}/s   ratio to nact's spawn + stop ${ratio.toFixed(2)}`,
);

await sup.stop();
await system.stop();
nactStop(bare);
