import { expect, test } from "@jest/globals";
import {
  type Cache,
  createSystem,
  defineCache,
  localAdapter,
  startSupervisor,
  streamServer,
  type Supervisor,
  whenIdle,
} from "nebulex-streams";
import { actorsOf, recordTree, SeededRandom, SimulatedClock } from "nebulex-streams/testing";
import { SearchIndex } from "../../../examples/recipes/search/search-index.js";
import { Listener, until } from "../../helpers/actors.js";

interface Page {
  readonly title: string;
}

const words = ["green", "tea", "iron", "pot", "coffee"];

async function start(name: string, capacity = 10_000) {
  const clock = new SimulatedClock();
  const pages = defineCache<string, Page>({ name, adapter: localAdapter({ maxEntries: 50 }) });
  const index = new SearchIndex(pages, ["title"]);
  const tree = await startSupervisor({
    system: createSystem({ clock }),
    strategy: "rest_for_one",
    maxRestarts: 100,
    children: [
      pages,
      streamServer({ cache: pages, partitions: 3, include: ["value"], capacity }),
      index,
    ],
  });
  return { clock, pages, index, tree };
}

const found = (index: SearchIndex<Page>, word: string): string[] =>
  index
    .search(word)
    .map(([id]) => id)
    .sort((a, b) => a.localeCompare(b));

/** Compares the index with a look at every entry. */
async function expectInStep(pages: Cache<string, Page>, index: SearchIndex<Page>): Promise<void> {
  await whenIdle(pages);
  for (const word of words) {
    const expected = [...pages.getAll()].filter(([, { title }]) => title.includes(word));
    expect(found(index, word)).toEqual(
      expected.map(([id]) => id).sort((a, b) => a.localeCompare(b)),
    );
  }
}

/** Kills an actor, and waits until the index has been started again. */
async function crash(tree: Supervisor, id: string): Promise<void> {
  using recorder = recordTree(tree.system, { actor: /:search$/ });
  await actorsOf(tree.system)
    .find((ref) => ref.id === id)
    ?.kill();
  await until(() => recorder.count("started") > 0);
}

test("the index follows every kind of change: keys, queries, evictions, TTLs", async () => {
  const { clock, pages, index, tree } = await start("search-changes");
  const random = new SeededRandom(42);
  const page = (): Page => ({ title: `${random.pick(words)} ${random.pick(words)}` });
  const id = (): string => `${random.pick(["a", "b"])}${random.below(40)}`;
  for (let step = 0; step < 500; step++) {
    const kind = random.below(100);
    if (kind < 60) pages.put(id(), page(), kind < 20 ? { ttl: 50 } : {});
    else if (kind < 80) pages.delete(id());
    else if (kind < 90)
      pages.putAll([
        [id(), page()],
        [id(), page()],
      ]);
    else if (kind < 92) pages.deleteAll({ prefix: "a" });
    else await clock.advance(20);
    if (step % 50 === 0) await expectInStep(pages, index);
  }
  await clock.advance(2000);
  await expectInStep(pages, index);
  pages.deleteAll();
  await expectInStep(pages, index);
  await tree.stop();
});

test("after a gap, a crash of the index and one of the cache it is in step again", async () => {
  const { pages, index, tree } = await start("search-crashes", 5);
  {
    using gaps = new Listener("nebulex.streams.gap");
    for (let n = 0; n < 40; n++) pages.put(`${n}`, { title: words[n % 5] as string });
    await expectInStep(pages, index);
    expect(gaps.messages.length).toBeGreaterThan(0);
  }

  await crash(tree, "search-crashes:search");
  await expectInStep(pages, index);
  expect(found(index, "tea")).toHaveLength(8);

  await crash(tree, "search-crashes");
  await expectInStep(pages, index);
  expect(found(index, "tea")).toEqual([]);
  pages.put("1", { title: "tea" });
  await expectInStep(pages, index);
  expect(found(index, "tea")).toEqual(["1"]);
  await tree.stop();
});
