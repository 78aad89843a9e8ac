import { describe, expect, test } from "@jest/globals";
import { createHub } from "../../src/pubsub/hub.js";
import { localPubSub } from "../../src/pubsub/local.js";
import { pubSubConformance } from "../../src/testing/pubsub-conformance.js";

describe("localPubSub", () => {
  const hub = createHub();
  const names = new Set<string>();
  let away = false;
  const create = (options: Parameters<typeof localPubSub>[0] & { nodeName: string }) => {
    names.add(options.nodeName);
    if (away) hub.disconnect(options.nodeName);
    return localPubSub({ ...options, hub });
  };
  const cases = pubSubConformance({
    create,
    interrupt: () => {
      away = true;
      for (const name of names) hub.disconnect(name);
    },
    restore: () => {
      away = false;
      for (const name of names) hub.connect(name);
    },
  });

  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

test("the cases of outages need both hooks", () => {
  const create = localPubSub;
  expect(() => pubSubConformance({ create, interrupt: () => {} })).toThrow(
    'invalid value for option "restore"',
  );
  const names = pubSubConformance({ create }).map(({ name }) => name);
  expect(names.some((name) => name.includes("outage"))).toBe(false);
  expect(new Set(names).size).toBe(names.length);
});
