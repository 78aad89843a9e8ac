import { describe, expect, test } from "@jest/globals";
import { BrokerFailure } from "../../src/cli/broker.js";
import { ClusterSource } from "../../src/cli/cluster-source.js";
import { NoJournal, NotFound } from "../../src/cli/journal.js";
import { LateJournal } from "../../src/cli/late-journal.js";
import { showTop } from "../../src/cli/top.js";
import { localPubSub, startSupervisor } from "../../src/index.js";
import { type Bus, busOf, type PubSubWithBus } from "../../src/pubsub/types.js";
import { Cluster, heartbeat } from "../cluster/cluster.js";
import { ask, FakePage, serve } from "../inspector/client.js";
import { LocalFixture, TestOutput } from "./journal-fixture.js";

const address = { cache: "users", name: "users", namespace: "nebulex" };
const refused = new BrokerFailure("the broker has refused it");
const place = { ...address, title: "users on a broker", bus: refused };
const options = { ...address, once: true, json: false, heartbeat: 1 };
/** What is shown of a broker that has a journal, and refuses to be a pubsub. */
const trouble = "the pubsub: the broker has refused it";

async function seeded(): Promise<LocalFixture> {
  const fixture = await LocalFixture.start();
  const { writer } = fixture;
  await writer.declare();
  await writer.beat("a");
  await writer.events(0, ["k0", "k1", "k2", "k3", "k4"]);
  await writer.own(0, "a", 2, { dead: ["k0", "k1"] });
  return fixture;
}

const noJournal = { engine: undefined, failure: undefined, retry: () => {} };
const journalOf = ({ connection: { engine } }: LocalFixture) => {
  return { engine, failure: undefined, retry: () => {} };
};

const sourceOf = (fixture: LocalFixture): ClusterSource =>
  new ClusterSource({ ...place, journal: journalOf(fixture) });

describe("top", () => {
  test("prints nodes and groups once", async () => {
    await using fixture = await seeded();
    const output = new TestOutput();
    await showTop(sourceOf(fixture), options, output);
    const lines = output.out.split("\n").map((line) => line.replaceAll(/ {2,}/g, " | "));
    expect(lines[0]).toBe("stream | cache users: 0.0 events a second");
    expect(lines).toContain("node | over | status | up | heard | outbox | clock");
    expect(lines.some((line) => line.startsWith("a | journal | up | "))).toBe(true);
    expect(lines).toContain(
      "group | partition | owner | events/s | lag | oldest | paused | dead letters",
    );
    expect(lines.some((line) => /^mailer \| 0 \| a \| 0\.0 \| 3 \| .* \| - \| 2$/.test(line))).toBe(
      true,
    );
  });

  test("prints the same as JSON", async () => {
    await using fixture = await seeded();
    const output = new TestOutput();
    await showTop(sourceOf(fixture), { ...options, json: true }, output);
    expect(JSON.parse(output.out)).toMatchObject({
      cache: "users",
      name: "users",
      partitions: 2,
      trouble,
      nodes: [{ node: "a", over: "journal", status: "up" }],
      events: [
        { partition: 0, events: 5, kept: 5, rate: 0 },
        { partition: 1, events: 0, kept: 0, rate: 0 },
      ],
      groups: expect.arrayContaining([
        expect.objectContaining({
          group: "mailer",
          partition: 0,
          owner: "a",
          lag: 3,
          deadLetters: 2,
        }),
      ]),
    });
  });

  test("prints nothing where there is no such stream, or nothing can be reached", async () => {
    await using fixture = await LocalFixture.start();
    const output = new TestOutput();
    const bus = { status: "reconnecting" } as Bus;
    const unreached = new ClusterSource({ ...place, bus, journal: noJournal });
    unreached.begin = () => {};
    const absent = new ClusterSource({ ...place, journal: journalOf(fixture) });
    absent.about = () => ({ kind: "cluster", title: "", trouble: null });
    const shown = [unreached, absent].map((source) => showTop(source, options, output));
    expect(await Promise.allSettled(shown)).toEqual(
      [
        new BrokerFailure("the broker does not answer"),
        new NotFound(
          "no node has a stream of cache users in namespace nebulex, nor is there a journal of one",
        ),
      ].map((reason) => ({ status: "rejected", reason })),
    );
    expect(output.out).toBe("");
  });
});

describe("the page about a cluster", () => {
  test("shows what is in the journal, and what happens there", async () => {
    await using fixture = await seeded();
    const source = sourceOf(fixture);
    await using inspector = await serve(source, { values: true });
    using page = await FakePage.open(inspector.port);
    const state = await page.until(({ groups }) => groups.length > 0);
    expect(state.about).toMatchObject({
      kind: "cluster",
      title: "users on a broker",
      actions: false,
    });
    expect(state.streams).toMatchObject([{ name: "users", partitions: 2, epoch: null }]);
    expect(state.groups.find(({ partition }) => partition === 0)).toMatchObject({
      group: "mailer",
      scope: "cluster",
      owner: "a",
      here: false,
      position: 2,
      last: 4,
      lag: 3,
      handled: null,
      deadLetters: 2,
    });
    expect(state.partitions[0]).toMatchObject({ events: 5, kept: 5 });
    const answer = await ask(inspector.port, "/dead-letters?stream=s1&group=mailer&limit=1");
    expect(JSON.parse(answer.text)).toMatchObject({ more: true, letters: [{ keys: ["k0"] }] });
    await fixture.writer.beat("b");
    const later = await page.until(({ timeline }) => timeline.length > 0);
    expect(later.timeline).toMatchObject([{ kind: "node", text: "node b: up" }]);
  });

  test("shows the journal when it can be reached, and why not until then", async () => {
    await using fixture = await seeded();
    const failures: Error[] = [
      new BrokerFailure("can't reach redis://host: no answer"),
      new NoJournal("no stream has a journal"),
    ];
    const journal = new LateJournal(() => {
      const [failure] = failures;
      return failure === undefined ? Promise.resolve(fixture.connection) : Promise.reject(failure);
    }, 0);
    const source = new ClusterSource({ ...place, journal });
    await using inspector = await serve(source);
    await journal.connect();
    using page = await FakePage.open(inspector.port);
    const before = await page.until(() => true);
    expect(before.about.trouble).toBe("the journal: can't reach redis://host: no answer");
    const letters = await ask(inspector.port, "/dead-letters?stream=s1&group=mailer&limit=1");
    expect([letters.status, letters.text]).toEqual([503, expect.stringContaining("can't reach")]);
    // Nodes with a pubsub alone have no journal: nothing is wrong.
    failures.shift();
    await page.until(({ about }) => about.trouble === trouble);
    failures.shift();
    const after = await page.until(({ groups }) => groups.length > 0);
    expect(after.nodes).toMatchObject([{ node: "a", over: "journal", status: "up" }]);
    expect(after.about.trouble).toBe(trouble);
    await journal[Symbol.asyncDispose]();
  });

  test("shows nothing of a journal that the engine has lost, and says so", async () => {
    await using fixture = await seeded();
    const { engine } = fixture.connection;
    await using inspector = await serve(sourceOf(fixture));
    using page = await FakePage.open(inspector.port);
    await page.until(({ groups }) => groups.length > 0);
    engine.streams = () => Promise.reject(new Error("no answer"));
    await page.until(({ about }) => about.trouble === "the journal: Error: no answer");
    engine.streams = () => Promise.resolve([]);
    const { about, nodes, timeline } = await page.until(({ groups }) => groups.length === 0);
    expect({ trouble: about.trouble, nodes }).toEqual({ trouble, nodes: [] });
    expect(timeline.at(-1)).toMatchObject({
      kind: "problem",
      level: "error",
      text: "there is no journal of the stream of cache users in namespace nebulex",
    });
  });

  test("has no stream before it has looked, and an empty one where there is none", async () => {
    await using fixture = await LocalFixture.start();
    await using inspector = await serve(sourceOf(fixture));
    using page = await FakePage.open(inspector.port);
    expect((await page.until(() => true)).streams).toEqual([]);
    const { streams, nodes } = await page.until((state) => state.streams.length > 0);
    expect({ streams, nodes }).toMatchObject({ streams: [{ partitions: null }], nodes: [] });
  });

  test("shows what the nodes publish, and observes only while somebody looks", async () => {
    await using cluster = new Cluster();
    await cluster.start("a");
    const pubsub = localPubSub({ hub: cluster.hub, nodeName: "watcher", heartbeat });
    const tree = await cluster.passing(
      startSupervisor({ strategy: "one_for_one", clock: cluster.clock, children: [pubsub] }),
    );
    const bus = (pubsub as PubSubWithBus)[busOf];
    const source = new ClusterSource({ ...place, bus, journal: noJournal });
    expect(source.read().nodes).toEqual([]);
    source.begin();
    await cluster.until(() => source.read().nodes.length === 1);
    expect(source.read().nodes).toMatchObject([{ node: "a", over: "pubsub", status: "up" }]);
    expect(source.read().groups).toEqual([]);
    expect(source.timeline.since(0).map(({ kind }) => kind)).toContain("stream");
    source.end();
    expect(source.read().nodes).toEqual([]);
    await tree.stop();
  });
});
