import { dispatch, spawn, start, stop } from "nact";
import {
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import { type User, userOf } from "../load.js";
import { collectGarbage, resultOf, type Scenario, scaled, us } from "../scenario.js";
import { quantile } from "../stats.js";

/** Handles an event by throwing, if it is the first of a pair, and notes when the second is handled. */
class Crashes {
  #armed = false;
  #crashedAt = 0;
  #recovered: (microseconds: number) => void = () => {};

  arm(): Promise<number> {
    this.#armed = true;
    return new Promise((resolve) => {
      this.#recovered = resolve;
    });
  }

  handle(): void {
    if (!this.#armed) return this.#recovered((performance.now() - this.#crashedAt) * 1e3);
    this.#armed = false;
    this.#crashedAt = performance.now();
    throw new Error("crash");
  }
}

interface Contestant {
  name: string;
  /** One event. */
  put(): void;
  crashes: Crashes;
  close(): void | Promise<void>;
}

async function openOurs(): Promise<Contestant> {
  const crashes = new Crashes();
  const cache = defineCache<string, User>({
    name: "recovery",
    adapter: localAdapter({ maxEntries: 1000 }),
  });
  const pool = handlerPool({
    cache,
    handler: () => crashes.handle(),
    onDeadLetter: () => {},
    maxRestarts: 1_000_000,
    maxSeconds: 1,
  });
  const children = [cache, streamServer({ cache }), pool];
  const tree = await startSupervisor({ strategy: "rest_for_one", children });
  return {
    name: us,
    put: () => cache.put("user:1", userOf(1)),
    crashes,
    close: () => tree.stop(),
  };
}

/** An actor that throws is reset: a new state, the same mailbox. */
function openNact(): Contestant {
  const crashes = new Crashes();
  const system = start();
  const reader = spawn(system, (state: object) => (crashes.handle(), state), "reader", {
    initialState: {},
    onCrash: (_message, _error, context) => context.reset,
  });
  return {
    name: "nact",
    put: () => dispatch(reader, userOf(1)),
    crashes,
    close: () => stop(system),
  };
}

/** (h): from a handler's throw to the handler of the next event, restart by its supervisor included. */
export const recovery: Scenario = {
  id: "h",
  title: "handler crash -> next event handled",
  about:
    "ours: a new incarnation by the supervisor, the event in hand given up; nact: reset. No other peer restarts a handler",
  async run(settings) {
    const contestants = [await openOurs(), openNact()];
    const all = new Map<string, number[][]>(contestants.map(({ name }) => [name, []]));
    const crashCount = scaled(1000, settings, 5);
    collectGarbage();
    for (let round = -1; round < settings.rounds; round++)
      for (const contestant of contestants) {
        const times: number[] = [];
        for (let n = 0; n < crashCount; n++) times.push(await crashOnce(contestant));
        if (round >= 0) all.get(contestant.name)?.push(times);
      }
    for (const { close } of contestants) await close();
    return ([0.5, 0.99] as const).map((share) => {
      const rounds = new Map(
        [...all].map(([name, list]) => [name, list.map((times) => quantile(times, share))]),
      );
      return resultOf("h", `p${share * 100}`, "µs", "lower", rounds);
    });
  },
};

async function crashOnce({ crashes, put }: Contestant): Promise<number> {
  const recovered = crashes.arm();
  put();
  put();
  return await recovered;
}
