import { describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorSystem,
  createSystem,
  defineCache,
  localAdapter,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import {
  chaos,
  type ChaosOptions,
  type ChaosReport,
  crash,
  failCommand,
  failStart,
  type Fault,
  faultyAdapter,
  hang,
  kill,
  recordTree,
  refuseRegistration,
  SimulatedClock,
  slowDown,
} from "nebulex-streams/testing";
import { failure } from "../helpers/actors.js";

type Settings = Omit<ChaosOptions, "system">;

async function startWorkers(system: ActorSystem, maxRestarts = 1_000_000): Promise<void> {
  await startSupervisor({
    system,
    strategy: "one_for_one",
    maxRestarts,
    maxSeconds: 1,
    children: ["a", "b", "c"].map((id) => actor({ id, receive: () => {} })),
  });
}

/** Chaos among three workers, in simulated time: the report, and what a recorder saw. */
async function run(
  name: string,
  settings: Settings,
  minutes = 1,
): Promise<{ report: ChaosReport; lines: string[]; pending: number }> {
  const clock = new SimulatedClock();
  const system = createSystem({ name, clock });
  await startWorkers(system);
  using recorder = recordTree(system);
  const running = chaos({ system, ...settings });
  await clock.advance(minutes * 60_000);
  const report = await running;
  await clock.settle();
  const { lines } = recorder;
  recorder.stop();
  expect(system.probe).toBeUndefined();
  await system.stop();
  return { report, lines, pending: clock.pending };
}

const workers = /\/[abc]$/;
const mixed: Fault[] = [
  crash({ actor: workers }),
  kill({ actor: workers }),
  hang({ actor: workers, for: 40 }),
  slowDown({ actor: workers, by: 5 }),
  failStart({ actor: workers }),
];

describe("chaos", () => {
  test("injects so many faults, of all kinds, and counts them and what the tree did", async () => {
    const { report, lines, pending } = await run("chaos-count", {
      seed: 11,
      faults: mixed,
      count: 100,
      interval: 50,
    });
    expect(report).toMatchObject({ seed: 11, ended: "count", injected: 100, neverMet: [] });
    expect(Object.keys(report.byKind).sort()).toEqual([
      "crash",
      "fail_start",
      "hang",
      "kill",
      "slow_down",
    ]);
    expect(Object.values(report.byKind).reduce((sum, n) => sum + n, 0)).toBe(100);
    expect(Object.keys(report.bySubject)).toHaveLength(3);
    const { crash: crashes = 0, kill: kills = 0, fail_start: failed = 0 } = report.byKind;
    expect(report.tree).toEqual({
      started: crashes + kills,
      startsFailed: failed,
      exited: crashes + kills,
      restarts: crashes + kills + failed,
      gaveUp: 0,
    });
    expect(lines.filter((line) => line.startsWith("exited"))).toHaveLength(crashes + kills);
    expect(pending).toBe(0);
  });

  test("does the same for the same seed, and something else for another", async () => {
    const once = (seed: number) =>
      run("chaos-seed", { seed, faults: mixed, count: 60, interval: 50 });
    const [first, again, other] = [await once(3), await once(3), await once(4)];
    expect(again.lines).toEqual(first.lines);
    expect(again.report).toEqual(first.report);
    expect(other.lines).not.toEqual(first.lines);
  });

  test("lasts as long as the option says, and its interval is an average", async () => {
    const { report } = await run("chaos-duration", {
      seed: 1,
      faults: [kill({ actor: "a" })],
      duration: 30_000,
      interval: 100,
    });
    expect(report).toMatchObject({ ended: "duration", elapsed: 30_000 });
    expect(report.injected).toBeGreaterThan(200);
    expect(report.injected).toBeLessThan(450);
  });

  test("spares actors that have been hit often enough, and reports faults without a subject", async () => {
    const { report } = await run("chaos-times", {
      seed: 2,
      faults: [kill({ actor: workers, times: 2 }), crash({ actor: "nobody" })],
      duration: 30_000,
      interval: 500,
    });
    expect(Object.values(report.bySubject)).toEqual([2, 2, 2]);
    expect(report.neverMet).toEqual(["crash nobody"]);
  });

  test("ends when the tree has given up and no actor is left", async () => {
    const clock = new SimulatedClock();
    const system = createSystem({ name: "chaos-gave-up", clock });
    await startWorkers(system, 2);
    const running = chaos({
      system,
      seed: 1,
      faults: [kill({ actor: workers })],
      count: 100,
      interval: 1,
    });
    await clock.advance(10_000);
    const report = await running;
    expect(report).toMatchObject({ ended: "no_actors", injected: 3 });
    expect(report.tree).toMatchObject({ restarts: 2, gaveUp: 1 });
    await system.stop();
  });

  test("ends early when aborted, releases actors that hang, and returns its report", async () => {
    const clock = new SimulatedClock();
    const system = createSystem({ name: "chaos-abort", clock });
    await startWorkers(system);
    const abort = new AbortController();
    const { signal } = abort;
    const running = chaos({
      system,
      seed: 1,
      faults: [hang({ actor: "a" })],
      duration: 60_000,
      interval: 10,
      signal,
    });
    await clock.advance(1000);
    abort.abort();
    expect(await running).toMatchObject({ ended: "aborted", injected: 1, elapsed: 1000 });
    await system.stop();
    expect(clock.pending).toBe(0);
  });

  test("breaks caches too: registrations, commands, and faults with a trigger of their own", async () => {
    const clock = new SimulatedClock();
    const system = createSystem({ name: "chaos-cache", clock });
    const adapter = faultyAdapter(localAdapter());
    const cache = defineCache<string, number>({ name: "chaos-cache", adapter });
    const tree = await startSupervisor({
      system,
      strategy: "rest_for_one",
      maxRestarts: 10_000,
      children: [cache, streamServer({ cache, backoffInitial: 5 })],
    });
    let failed = 0;
    const write = (): void => {
      try {
        cache.put("a", 1);
      } catch {
        failed++;
      }
    };
    const writer = (): unknown => clock.setTimeout(() => (write(), writer()), 7);
    writer();
    const running = chaos({
      system,
      seed: 6,
      faults: [
        kill({ actor: "chaos-cache" }),
        refuseRegistration({ cache, times: 2 }),
        failCommand({ adapter, command: "put" }),
        failCommand({ adapter, command: "put", nth: 5, name: "the fifth" }),
      ],
      count: 60,
    });
    await clock.advance(5000);
    const report = await running;
    expect(report).toMatchObject({ ended: "count", byKind: { kill: expect.any(Number) } });
    expect(report.byKind.refuse_registration).toBeGreaterThan(2);
    expect(report.faults.find(({ name }) => name === "the fifth")?.injected).toBe(1);
    expect(report.byKind.fail_command).toBeGreaterThan(2);
    // Others failed because the cache was down.
    expect(failed).toBeGreaterThanOrEqual(report.byKind.fail_command as number);
    await tree.stop();
    await system.stop();
  });

  test.each<{ option: string; settings: object }>([
    { option: "system", settings: { system: 1 } },
    { option: "faults", settings: { faults: [] } },
    { option: "faults", settings: { faults: ["crash"] } },
    { option: "duration", settings: { duration: undefined } },
    { option: "duration", settings: { duration: 0 } },
    { option: "count", settings: { count: 0 } },
    { option: "interval", settings: { interval: 0 } },
    { option: "seed", settings: { seed: 0.5 } },
    { option: "actors", settings: { actors: 1 } },
  ])("a wrong or unknown $option is refused", async ({ option, settings }) => {
    const system = createSystem({ name: "chaos-options" });
    const good = { system, faults: mixed, duration: 10 };
    expect(await failure(chaos({ ...good, ...settings } as ChaosOptions))).toMatchObject({
      code: "E_OPTION",
      option,
    });
    expect(system.probe).toBeUndefined();
    await system.stop();
  });
});
