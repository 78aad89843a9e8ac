import fc from "../helpers/fast-check.js";
import { binaryCodec } from "../../src/pubsub/binary-codec.js";
import { frame, unframe } from "../../src/pubsub/frame.js";
import { jsonCodec } from "../../src/pubsub/json-codec.js";
import type { SeededRandom } from "../../src/testing/random.js";

/** A real message, and its channel. */
export interface Captured {
  readonly channel: string;
  readonly payload: Uint8Array;
}

export function* anyBytes(count: number, seed: number): Iterable<Uint8Array> {
  yield* fc.sample(fc.uint8Array({ maxLength: 200 }), { numRuns: count, seed });
}

const anyValue = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withTypedArray: true,
  maxDepth: 3,
});

/** Well-formed messages of arbitrary content. */
export function* anyFrames(count: number, seed: number): Iterable<Uint8Array> {
  const nearly = fc.tuple(
    fc.integer({ min: -1, max: 6 }),
    fc.constant("nebulex"),
    fc.constant("users"),
    fc.constant("users"),
    anyValue,
    anyValue,
    anyValue,
  );
  for (const value of fc.sample(fc.oneof(anyValue, fc.array(anyValue), nearly), {
    numRuns: count,
    seed,
  })) {
    try {
      yield frame(seed % 2 === 0 ? binaryCodec : jsonCodec, value);
    } catch {
      // What cannot be encoded cannot be received, either.
    }
  }
}

/** A real message with some bytes changed, removed or inserted; never unchanged. */
export function damaged({ payload }: Captured, random: SeededRandom): Uint8Array {
  const bytes = [...payload];
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(bytes.length);
    const how = random.below(5);
    if (how === 0) bytes[at] = ((bytes[at] as number) ^ (1 << random.below(8))) & 0xff;
    else if (how === 1) bytes[at] = random.below(256);
    else if (how === 2) bytes.splice(at, 1 + random.below(8));
    else if (how === 3) bytes.splice(at, 0, random.below(256));
    else bytes.length = at;
    if (bytes.length === 0) bytes.push(0);
  }
  const changed = Uint8Array.from(bytes);
  if (Buffer.compare(changed, payload) === 0) changed[0] = (changed[0] as number) ^ 0x55;
  return changed;
}

const nasty: readonly ((random: SeededRandom) => unknown)[] = [
  () => Number.MAX_SAFE_INTEGER,
  () => 2 ** 53 + 2,
  () => -1,
  () => -0,
  () => NaN,
  () => Infinity,
  () => 1.5,
  () => null,
  () => undefined,
  () => "",
  () => "__proto__",
  () => "constructor",
  () => "x".repeat(600),
  () => [],
  () => [[[[[[]]]]]],
  () => ({ constructor: { prototype: { polluted: true } } }),
  () => new Map([["__proto__", { polluted: true }]]),
  () => new Set([1]),
  () => new Uint8Array(3),
  () => 10n ** 40n,
  () => new Date(NaN),
  (random) => random.below(70_000),
  (random) => `made up ${random.below(1_000_000)}`,
];

/** A real message with one of its fields changed, at any depth, and framed again. */
export function forged({ payload }: Captured, random: SeededRandom): Uint8Array {
  for (;;) {
    const fields = unframe(payload, Infinity) as unknown[];
    change(fields, random);
    // A message must not seem to come from the node itself.
    try {
      return frame(random.below(4) === 0 ? jsonCodec : binaryCodec, fields);
    } catch {
      // Try another one.
    }
  }
}

function change(list: unknown[], random: SeededRandom): void {
  const at = random.below(list.length + 1);
  const item = list[at];
  if (Array.isArray(item) && item.length > 0 && random.below(4) > 0) change(item, random);
  else if (item instanceof Uint8Array && item.length > 0 && random.below(3) > 0)
    item[random.below(item.length)] = random.below(256);
  else if (typeof item === "number" && random.below(3) > 0)
    list[at] = item + (random.below(2) === 0 ? 1 : -1) * random.below(5);
  else list[at] = (nasty[random.below(nasty.length)] as (typeof nasty)[number])(random);
}
