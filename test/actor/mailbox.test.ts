import { expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { Mailbox } from "../../src/actor/mailbox.js";

test("gives what it was given, in order, however pushes and shifts alternate", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -900, max: 900 }), { maxLength: 12 }), (moves) => {
      const mailbox = new Mailbox<number>();
      let [pushed, shifted] = [0, 0];
      for (const move of moves) {
        for (let n = 0; n < move; n++) mailbox.push(pushed++);
        for (let n = 0; n > move && mailbox.size > 0; n--) expect(mailbox.shift()).toBe(shifted++);
        expect(mailbox.size).toBe(pushed - shifted);
      }
      mailbox.clear();
      expect(mailbox.size).toBe(0);
      mailbox.push(-1);
      expect(mailbox.shift()).toBe(-1);
    }),
  );
});

test("a message that has been handed over is not held, though others wait behind it", async () => {
  const mailbox = new Mailbox<object>();
  const gone: WeakRef<object>[] = [];
  for (let n = 0; n < 2000; n++) mailbox.push({ n });
  for (let n = 0; n < 700; n++) gone.push(new WeakRef(mailbox.shift()));
  const { setFlagsFromString } = await import("node:v8");
  const { runInNewContext } = await import("node:vm");
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  await new Promise((resolve) => setImmediate(resolve));
  collectGarbage();
  expect(gone.filter((ref) => ref.deref() !== undefined)).toEqual([]);
  expect(mailbox.size).toBe(1300);
});
