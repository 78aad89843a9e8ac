import { afterEach, describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  type ActorSystem,
  createSystem,
  startSupervisor,
  type Supervisor,
  supervisor,
} from "nebulex-streams";
import {
  actorsOf,
  crash,
  failStart,
  type FaultInjection,
  hang,
  type InjectedFaultError,
  injectFaults,
  kill,
  recordTree,
  SimulatedClock,
  slowDown,
} from "nebulex-streams/testing";
import { rest, until } from "../helpers/actors.js";

/** A tree of workers that write down what they handle, as `id:message`. */
class Bench {
  readonly clock = new SimulatedClock();
  readonly system: ActorSystem;
  readonly handled: string[] = [];
  tree!: Supervisor;

  constructor(name: string) {
    this.system = createSystem({ name, clock: this.clock });
  }

  async start(...ids: string[]): Promise<void> {
    this.tree = await startSupervisor({
      system: this.system,
      strategy: "one_for_one",
      maxRestarts: 1000,
      children: ids.map((id) =>
        actor<void, number>({
          id,
          receive: (_state, message) => void this.handled.push(`${id}:${message}`),
        }),
      ),
    });
  }

  ref(id: string): ActorRef {
    const ref = actorsOf(this.system).find((one) => one.id === id);
    if (ref === undefined) throw new Error(`${id} is not running`);
    return ref;
  }

  /** Sends a message to whichever incarnation is up, once one is. */
  async send(id: string, message: number): Promise<void> {
    await until(() => actorsOf(this.system).some((one) => one.id === id));
    this.ref(id).dispatch(message);
    await this.clock.settle(10);
  }

  async sendMany(id: string, count: number): Promise<void> {
    for (let message = 1; message <= count; message++) await this.send(id, message);
  }
}

const benches: Bench[] = [];

async function bench(name: string, ...ids: string[]): Promise<Bench> {
  const made = new Bench(name);
  benches.push(made);
  await made.start(...ids);
  return made;
}

afterEach(async () => {
  for (const { system } of benches.splice(0)) await system.stop();
});

/** Which of `count` messages to each id are not handled under an injection. */
async function missing(
  name: string,
  ids: string[],
  count: number,
  inject: (system: ActorSystem) => FaultInjection,
): Promise<string[]> {
  const self = await bench(name, ...ids);
  const faults = inject(self.system);
  for (const id of ids) await self.sendMany(id, count);
  faults.stop();
  const all = ids.flatMap((id) => Array.from({ length: count }, (_, i) => `${id}:${i + 1}`));
  return all.filter((message) => !self.handled.includes(message));
}

describe("the actors of a system", () => {
  test("each before those below it, until they have ended", async () => {
    const system = createSystem({ name: "faults-actors-of" });
    const leaf = (id: string) => actor({ id, receive: () => {} });
    const tree = await startSupervisor({
      system,
      strategy: "one_for_one",
      children: [
        supervisor({ id: "inner", strategy: "one_for_one", children: [leaf("a"), leaf("b")] }),
        leaf("c"),
      ],
    });
    expect(actorsOf(system).map(({ id }) => id)).toEqual(["supervisor", "inner", "a", "b", "c"]);
    await tree.stop();
    expect(actorsOf(system)).toEqual([]);
    await system.stop();
  });
});

describe("which messages a fault strikes", () => {
  test("the nth, over all incarnations, once", async () => {
    const gone = await missing("faults-nth", ["a", "b"], 6, (system) =>
      injectFaults(system, { faults: [crash({ actor: "a", onMessage: 3 })] }),
    );
    expect(gone).toEqual(["a:3"]);
  });

  test("so many in a row from the nth on", async () => {
    const gone = await missing("faults-row", ["a"], 6, (system) =>
      injectFaults(system, { faults: [kill({ actor: "a", onMessage: 2, times: 3 })] }),
    );
    expect(gone).toEqual(["a:2", "a:3", "a:4"]);
  });

  test("each nth, for each actor on its own, up to a limit", async () => {
    const gone = await missing("faults-every", ["a1", "a2", "b"], 7, (system) =>
      injectFaults(system, { faults: [kill({ actor: /^a/, every: 2, times: 2 })] }),
    );
    expect(gone).toEqual(["a1:2", "a1:4", "a2:2", "a2:4"]);
  });

  test("those that count, by a function", async () => {
    const gone = await missing("faults-when", ["a"], 6, (system) =>
      injectFaults(system, {
        faults: [crash({ actor: "a", every: 2, when: (message) => (message as number) > 2 })],
      }),
    );
    expect(gone).toEqual(["a:4", "a:6"]);
  });

  test("each one without a trigger", async () => {
    const gone = await missing("faults-all", ["a"], 3, (system) =>
      injectFaults(system, { faults: [crash({ actor: "a" })] }),
    );
    expect(gone).toEqual(["a:1", "a:2", "a:3"]);
  });

  test("by chance: the same for the same seed, whatever other actors there are; another for another seed", async () => {
    const lost = (name: string, seed: number, ids: string[]): Promise<string[]> =>
      missing(name, ids, 40, (system) =>
        injectFaults(system, { seed, faults: [kill({ actor: /^a/, probability: 0.2 })] }),
      );
    const first = await lost("faults-seed", 7, ["a"]);
    expect(first.length).toBeGreaterThan(1);
    expect(first.length).toBeLessThan(20);
    const withOthers = await lost("faults-seed", 7, ["b", "a2", "a"]);
    expect(withOthers.filter((message) => message.startsWith("a:"))).toEqual(first);
    expect(await lost("faults-seed", 8, ["a"])).not.toEqual(first);
  });
});

describe("what a fault does", () => {
  test("a crash ends the actor with the error, a kill with killed; its supervisor restarts it", async () => {
    const self = await bench("faults-reasons", "a", "b");
    using recorder = recordTree(self.system);
    const error = new Error("mine");
    injectFaults(self.system, {
      faults: [
        crash({ actor: "a", onMessage: 1, name: "first" }),
        crash({ actor: "a", onMessage: 2, error }),
        kill({ actor: "b", onMessage: 1 }),
      ],
    });
    await self.sendMany("a", 2);
    await self.send("b", 1);
    expect(recorder.lines).toEqual([
      "exited a injected fault: first (/faults-reasons/supervisor/a)",
      "restart a 1",
      "started a",
      "exited a mine",
      "restart a 2",
      "started a",
      "exited b killed",
      "restart b 3",
      "started b",
    ]);
    expect(recorder.events[0]).toMatchObject({
      type: "exited",
      reason: {
        code: "E_INJECTED_FAULT",
        fault: "first",
        subject: "/faults-reasons/supervisor/a",
      } satisfies Partial<InjectedFaultError>,
    });
    expect(self.handled).toEqual([]);
  });

  test("a hang holds the actor until it is lifted, and then the message is handled", async () => {
    const self = await bench("faults-hang", "a");
    const faults = injectFaults(self.system, { faults: [hang({ actor: "a", onMessage: 1 })] });
    await self.sendMany("a", 2);
    await self.clock.advance(60_000);
    expect(self.handled).toEqual([]);
    faults.lift();
    await until(() => self.handled.length === 2);
    expect(self.handled).toEqual(["a:1", "a:2"]);
  });

  test("a hang ends with its time, with the injection, and with the actor, and leaves no timer", async () => {
    const self = await bench("faults-hang-ends", "a", "b", "c");
    const faults = injectFaults(self.system, {
      faults: [
        hang({ actor: "a", onMessage: 1, for: 1000 }),
        hang({ actor: "b", onMessage: 1, for: 100_000 }),
        hang({ actor: "c", onMessage: 1, for: 100_000 }),
      ],
    });
    for (const id of ["a", "b", "c"]) await self.send(id, 1);
    await self.clock.advance(999);
    expect(self.handled).toEqual([]);
    await self.clock.advance(1);
    expect(self.handled).toEqual(["a:1"]);
    const { pending } = self.clock;
    await self.ref("b").kill();
    expect(self.clock.pending).toBe(pending - 1);
    await self.clock.settle();
    faults.stop();
    await until(() => self.handled.includes("c:1"));
    expect(self.handled).toEqual(["a:1", "c:1"]);
    expect(self.clock.pending).toBe(0);
  });

  test("a hanging actor that is shut down is killed after its shutdown time", async () => {
    const self = await bench("faults-hang-shutdown", "a");
    using recorder = recordTree(self.system);
    injectFaults(self.system, { faults: [hang({ actor: "a", onMessage: 1 })] });
    await self.send("a", 1);
    const stopped = self.tree.stop();
    await self.clock.advance(5000);
    await stopped;
    expect(recorder.lines).toEqual(["exited a killed", "exited supervisor shutdown"]);
  });

  test("a slow actor handles each message later, in order", async () => {
    const self = await bench("faults-slow", "a");
    injectFaults(self.system, { faults: [slowDown({ actor: "a", by: 20 })] });
    self.ref("a").dispatch(1);
    self.ref("a").dispatch(2);
    await self.clock.advance(39);
    expect(self.handled).toEqual(["a:1"]);
    await self.clock.advance(1);
    expect(self.handled).toEqual(["a:1", "a:2"]);
  });

  test("a start fails: the nth, and so many in a row; the supervisor tries again", async () => {
    const self = await bench("faults-start", "a");
    using recorder = recordTree(self.system);
    const faults = injectFaults(self.system, {
      faults: [failStart({ actor: "a", nth: 2, times: 3, error: new Error("no") })],
    });
    await self.ref("a").kill();
    await until(() => recorder.count("started") === 1);
    await self.ref("a").kill();
    await until(() => recorder.count("started") === 2);
    expect(recorder.lines).toEqual([
      "exited a killed",
      "restart a 1",
      "started a",
      "exited a killed",
      "restart a 2",
      "start_failed a no",
      "restart a 3",
      "start_failed a no",
      "restart a 4",
      "start_failed a no",
      "restart a 5",
      "started a",
    ]);
    expect(faults.injected).toHaveLength(3);
  });
});

describe("an injection", () => {
  test("reports what it did, when and to which subject, and the faults without a subject", async () => {
    const self = await bench("faults-report", "a", "b");
    const faults = injectFaults(self.system, {
      seed: 5,
      faults: [
        crash({ actor: /\/[ab]$/, onMessage: 2 }),
        kill({ actor: "nobody", onMessage: 1 }),
        slowDown({ actor: "b", by: 1, onMessage: 100, name: "late" }),
      ],
    });
    await self.sendMany("a", 2);
    await self.clock.advance(10);
    const killed = self.ref("b");
    await self.sendMany("b", 2);
    const [a, b] = ["a", "b"].map((id) => `/faults-report/supervisor/${id}`) as [string, string];
    const name = "crash /\\/[ab]$/";
    expect(faults.injected).toEqual([
      { fault: name, kind: "crash", subject: a, ref: expect.anything(), at: 0 },
      { fault: name, kind: "crash", subject: b, ref: killed, at: 10 },
    ]);
    expect(faults.report()).toEqual({
      seed: 5,
      injected: 2,
      byKind: { crash: 2 },
      bySubject: { [a]: 1, [b]: 1 },
      faults: [
        { name, kind: "crash", injected: 2, subjects: [a, b] },
        { name: "kill nobody", kind: "kill", injected: 0, subjects: [] },
        { name: "late", kind: "slow_down", injected: 0, subjects: [b] },
      ],
      neverMet: ["kill nobody"],
    });
  });

  test("meets an actor that appears later", async () => {
    const self = await bench("faults-later", "a");
    const faults = injectFaults(self.system, { faults: [kill({ actor: "b", onMessage: 1 })] });
    expect(faults.report().neverMet).toEqual(["kill b"]);
    await self.tree.startChild(actor({ id: "b", receive: () => {} }));
    expect(faults.report().neverMet).toEqual([]);
  });

  test("composes with others: each counts all messages, they strike in the order of injection", async () => {
    const self = await bench("faults-compose", "a");
    using recorder = recordTree(self.system);
    const slow = injectFaults(self.system, { faults: [slowDown({ actor: "a", by: 5 })] });
    const first = injectFaults(self.system, {
      faults: [crash({ actor: "a", onMessage: 1, error: new Error("first") })],
    });
    const second = injectFaults(self.system, {
      faults: [crash({ actor: "a", onMessage: 1, times: 2, error: new Error("second") })],
    });
    await self.send("a", 1);
    expect(recorder.lines).toEqual([]);
    await self.clock.advance(5);
    await self.send("a", 2);
    await self.clock.advance(5);
    expect(recorder.lines.filter((line) => line.startsWith("exited"))).toEqual([
      "exited a first",
      "exited a second",
    ]);
    expect([slow, first, second].map(({ injected }) => injected.length)).toEqual([2, 1, 1]);
    first.stop();
    slow.stop();
    await self.send("a", 3);
    expect(self.handled).toEqual(["a:3"]);
  });

  test("restores the system when it is stopped, or disposed", async () => {
    const self = await bench("faults-stop", "a");
    const faults = injectFaults(self.system, { faults: [crash({ actor: "a" })] });
    {
      using others = injectFaults(self.system, { faults: [kill({ actor: "a" })] });
      expect(others.injected).toEqual([]);
    }
    expect(self.system.probe).toBeDefined();
    faults.stop();
    faults.stop();
    expect(self.system.probe).toBeUndefined();
    await self.send("a", 1);
    await rest();
    expect(self.handled).toEqual(["a:1"]);
    expect(faults.injected).toEqual([]);
  });
});

describe("options of faults", () => {
  const system = createSystem({ name: "faults-options" });

  test.each<{ option: string; make: () => unknown }>([
    { option: "actor", make: () => crash({} as never) },
    { option: "actor", make: () => crash({ actor: "" }) },
    { option: "actor", make: () => failStart({ actor: 3 as never }) },
    { option: "onMessage", make: () => kill({ actor: "a", onMessage: 0 }) },
    { option: "onMessage", make: () => kill({ actor: "a", onMessage: 1, every: 2 }) },
    { option: "nth", make: () => failStart({ actor: "a", nth: 1, probability: 0.5 }) },
    { option: "nth", make: () => kill({ actor: "a", nth: 1 } as never) },
    { option: "every", make: () => kill({ actor: "a", every: 1.5 }) },
    { option: "probability", make: () => kill({ actor: "a", probability: 0 }) },
    { option: "probability", make: () => kill({ actor: "a", probability: 1.1 }) },
    { option: "times", make: () => kill({ actor: "a", times: 0 }) },
    { option: "when", make: () => kill({ actor: "a", when: true as never }) },
    { option: "name", make: () => kill({ actor: "a", name: "" }) },
    { option: "error", make: () => crash({ actor: "a", error: "boom" as never }) },
    { option: "error", make: () => kill({ actor: "a", error: new Error("no") } as never) },
    { option: "for", make: () => hang({ actor: "a", for: 0 }) },
    { option: "by", make: () => slowDown({ actor: "a" } as never) },
    { option: "onMessage", make: () => failStart({ actor: "a", onMessage: 1 } as never) },
    { option: "system", make: () => injectFaults({} as never, { faults: [] }) },
    { option: "faults", make: () => injectFaults(system, { faults: [{} as never] }) },
    { option: "seed", make: () => injectFaults(system, { faults: [], seed: -1 }) },
    { option: "sed", make: () => injectFaults(system, { faults: [], sed: 1 } as never) },
  ])("a wrong or unknown $option is refused: $make", ({ option, make }) => {
    expect(make).toThrow(expect.objectContaining({ code: "E_OPTION", option }));
  });
});
