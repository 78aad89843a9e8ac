import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type ChildSpec,
  createSystem,
  dynamicSupervisor,
  type RestartType,
  type Shutdown,
  spawn,
  startSupervisor,
  type Strategy,
  supervisor,
  type Supervisor,
  SupervisorError,
  supervisorOf,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { rest, until } from "../helpers/actors.js";

/** Numbers from a seed, the same each time (mulberry32). */
class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.next() * items.length)] as T;
  }
}

/** A world of workers that fail at random: in their start, their messages, their clean-up. */
class World {
  readonly dice: Dice;
  readonly clock = new SimulatedClock();
  /** All that were ever started. */
  readonly refs = new Set<ActorRef<string>>();
  /** What starts have spawned beside their child, and that child. */
  readonly #beside = new Map<ActorRef<string>, ActorRef>();
  calm = false;
  #ids = 0;
  #running = true;

  constructor(seed: number) {
    this.dice = new Dice(seed);
  }

  get living(): ActorRef<string>[] {
    return [...this.refs].filter((ref) => ref.alive);
  }

  trouble(probability: number): boolean {
    return !this.calm && this.dice.chance(probability);
  }

  worker(id = `w${++this.#ids}`): ChildSpec {
    const { dice } = this;
    return {
      id,
      restart: dice.pick<RestartType>(["permanent", "transient", "temporary"]),
      shutdown: dice.pick<Shutdown>([0, 20, 1000, "brutal_kill", 1000]),
      start: async (parent) => {
        if (this.trouble(0.1)) throw new Error("start");
        if (this.trouble(0.05)) return "ignore";
        if (this.trouble(0.2)) await rest(2);
        return this.#spawn(parent, id);
      },
    };
  }

  async #spawn(parent: Parameters<ChildSpec["start"]>[0], id: string): Promise<ActorRef> {
    const track = (ref: ActorRef<string>): void => void this.refs.add(ref);
    const behavior = {
      init: async (ctx: { self: ActorRef<string> }) => {
        track(ctx.self);
        if (this.trouble(0.05)) throw new Error("init");
        if (this.trouble(0.1)) await rest(1);
      },
      receive: async (_state: unknown, message: string) => {
        if (message === "crash") throw new Error(id);
        if (message === "hang") await new Promise(() => {});
      },
      terminate: async () => {
        if (this.trouble(0.1)) throw new Error("terminate");
        if (this.trouble(0.1)) await new Promise(() => {});
        if (this.trouble(0.2)) await rest(2);
      },
    };
    const beside = this.trouble(0.1) ? await spawn(parent, behavior) : undefined;
    const ref = await spawn(this.trouble(0.1) ? parent.system : parent, behavior);
    if (beside !== undefined) this.#beside.set(beside, ref as ActorRef);
    return ref as ActorRef;
  }

  /** Those that live though no supervisor knows them, nor the child that they were started with. */
  orphans(known: ReadonlySet<unknown>): ActorRef<string>[] {
    return this.living.filter((ref) => !known.has(this.#beside.get(ref) ?? ref));
  }

  /** Lets the time go on, so that whoever waits for it gets it. */
  async run(): Promise<void> {
    while (this.#running) await this.clock.advance(10);
  }

  halt(): void {
    this.#running = false;
  }

  supervisor(depth: number): ChildSpec {
    const id = `s${++this.#ids}`;
    const { dice } = this;
    const limit = { maxRestarts: dice.pick([0, 2, 1000]), maxSeconds: 1 };
    const restart = dice.pick<RestartType>(["permanent", "permanent", "transient"]);
    if (dice.chance(0.3)) return dynamicSupervisor({ id, restart, ...limit });
    return supervisor({ id, restart, ...limit, ...this.#list(depth) });
  }

  #list(depth: number): { strategy: Strategy; children: ChildSpec[] } {
    const { dice } = this;
    const children = Array.from({ length: 1 + Math.floor(dice.next() * 4) }, () =>
      depth > 0 && dice.chance(0.4) ? this.supervisor(depth - 1) : this.worker(),
    );
    return {
      strategy: dice.pick<Strategy>(["one_for_one", "one_for_all", "rest_for_one"]),
      children,
    };
  }

  async start(): Promise<Supervisor> {
    const system = createSystem({ clock: this.clock });
    this.calm = true;
    const root = await startSupervisor({
      system,
      ...this.#list(3),
      maxRestarts: 1_000_000,
      maxSeconds: 1,
    });
    this.calm = false;
    return root;
  }
}

/** All supervisors of a tree, the root first. */
async function supervisorsOf(root: Supervisor): Promise<Supervisor[]> {
  const found = [root];
  for (const { ref, type } of await root.whichChildren())
    if (type === "supervisor" && typeof ref === "object" && ref.alive)
      found.push(...(await supervisorsOf(supervisorOf(ref))));
  return found;
}

async function allOf(root: Supervisor): Promise<Supervisor[]> {
  for (;;) {
    try {
      return await supervisorsOf(root);
    } catch (error) {
      // One of them ended while it was asked.
      if (!(error instanceof SupervisorError) || error.reason !== "noproc") throw error;
    }
  }
}

async function act(world: World, root: Supervisor): Promise<void> {
  const { dice } = world;
  const sup = dice.pick(await allOf(root));
  const refused = (error: unknown): void => {
    if (!(error instanceof SupervisorError)) throw error;
  };
  const children = await sup.whichChildren().catch(() => []);
  const child = children.length === 0 ? undefined : dice.pick(children);
  const key = (typeof child?.ref === "object" ? child.ref : undefined) ?? "none";
  const worker = world.living.length === 0 ? undefined : dice.pick(world.living);
  switch (Math.floor(dice.next() * 9)) {
    case 0:
    case 1:
      return worker?.dispatch("crash");
    case 2:
      return void worker?.kill();
    case 3:
      return void worker?.stop(dice.pick(["normal", "shutdown", "tired"]));
    case 4:
      return worker?.dispatch("hang");
    case 5:
      return void sup.startChild(world.worker()).catch(refused);
    case 6:
      return void sup.terminateChild(dice.chance(0.5) ? key : (child?.id ?? "none")).catch(refused);
    case 7:
      return void sup.restartChild(child?.id ?? "none").catch(refused);
    default:
      if (sup === root) return void sup.deleteChild(child?.id ?? "none").catch(refused);
      if (dice.chance(0.3)) return void (dice.chance(0.5) ? sup.ref.kill() : sup.stop("tired"));
      return undefined;
  }
}

describe("a tree in which everything fails at random", () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])("seed %d", async (seed) => {
    const world = new World(seed);
    const root = await world.start();
    const time = world.run();
    for (let step = 0; step < 200; step++) {
      await act(world, root);
      if (world.dice.chance(0.3)) await rest(world.dice.pick([1, 5, 50]));
    }
    expect(root.ref.alive).toBe(true);

    // Left alone, the tree comes to rest, and then knows every one that lives.
    world.calm = true;
    await until(async () => {
      const known = new Set<unknown>();
      let quiet = true;
      for (const sup of await allOf(root)) {
        const children = await sup.whichChildren().catch(() => []);
        const counts = await sup.countChildren().catch(() => undefined);
        const running = children.filter(({ ref }) => typeof ref === "object");
        for (const { ref } of running) known.add(ref);
        quiet &&= children.every(({ ref }) => ref !== "restarting");
        quiet &&= counts?.specs === children.length && counts.active === running.length;
      }
      return quiet && world.orphans(known).length === 0;
    });

    await root.stop();
    world.halt();
    await time;
    expect(await root.exited).toBe("shutdown");
    expect(world.living).toEqual([]);
    expect(world.clock.pending).toBe(0);
    await root.system.stop();
  });
});
