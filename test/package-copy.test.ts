import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type * as source from "../src/index.js";
import { Built } from "./helpers/built.js";

type Package = typeof source;

test("what another copy of the package has made is refused, and both copies are named", async () => {
  await using one = await Built.make();
  await using two = await Built.make();
  const here = await one.load<Package>("index.js");
  const there = await two.load<Package>("index.js");
  const cache = there.defineCache({ name: "users" });
  const foreign = new RegExp(
    `got: .*made by another copy of nebulex-streams \\(.* at file://${join(two.folder, "package-copy.js")}; ` +
      `this one is .* at file://${join(one.folder, "package-copy.js")}\\)`,
  );

  expect(() => here.handlerPool({ cache, handler: () => {} })).toThrow(foreign);
  expect(() => here.streamServer({ cache })).toThrow(foreign);
  const own = here.defineCache({ name: "users" });
  const pubsub = there.localPubSub();
  expect(() => here.streamServer({ cache: own, pubsub })).toThrow(foreign);

  const system = there.createSystem();
  const start = here.startSupervisor({ strategy: "one_for_one", children: [], system });
  await expect(start).rejects.toThrow(foreign);
  const ref = await there.spawn(system, { receive: () => {} });
  expect(() => own.from(ref)).toThrow(foreign);
  await system.stop();

  const back = new RegExp(
    `at file://${join(one.folder, "package-copy.js")}; this one is .* at file://${join(two.folder, "package-copy.js")}`,
  );
  const worker = there.actor({ id: "worker", receive: () => {} });
  for (const child of [worker, cache]) {
    const tree = here.startSupervisor({ strategy: "one_for_one", children: [child] });
    await expect(tree).rejects.toMatchObject({
      cause: { name: "OptionError", message: expect.stringMatching(back) },
    });
  }
});
