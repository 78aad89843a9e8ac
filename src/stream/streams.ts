import { slotOf } from "../cache/cache-handle.js";
import type { InstanceSlot } from "../cache/slot.js";
import type { AnyCache } from "../cache/types.js";
import { StreamNotFoundError } from "../errors.js";
import { plainName } from "../options.js";
import { streamPort } from "./port.js";
import { Stream } from "./stream.js";
import { cacheOption } from "./stream-options.js";

/** A stream belongs to its instance's place in the definition, and goes with it. */
const streams = new WeakMap<InstanceSlot, Stream>();

/** The slot that `cache`, or its instance `name`, stands for. @internal */
export function slotFor(cache: AnyCache, name?: string): InstanceSlot {
  cacheOption("cache", cache);
  return slotOf(name === undefined ? cache : cache.instance(plainName("name", name)));
}

/** The stream of a slot, made when first asked for. @internal */
export function streamOf(slot: InstanceSlot): Stream {
  let stream = streams.get(slot);
  if (stream === undefined) streams.set(slot, (stream = new Stream(slot, streamPort)));
  return stream;
}

/** The stream of a slot, if there is one to read. @internal */
export function findStream(slot: InstanceSlot): Stream | undefined {
  const stream = streams.get(slot);
  return stream?.open === true ? stream : undefined;
}

/** @throws StreamNotFoundError @internal */
export function requireStream(slot: InstanceSlot): Stream {
  const stream = findStream(slot);
  if (stream === undefined) throw new StreamNotFoundError(slot.name);
  return stream;
}
