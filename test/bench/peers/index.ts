import type { Peer } from "../load.js";
import { bareLru } from "./bare-lru.js";
import { bentocache } from "./bentocache.js";
import { cacheableMemory } from "./cacheable-memory.js";
import { cacheable } from "./cacheable.js";
import { effect } from "./effect.js";
import { emittery } from "./emittery.js";
import { eventObject } from "./event-object.js";
import { eventemitter3 } from "./eventemitter3.js";
import { keyv } from "./keyv.js";
import { nact } from "./nact.js";
import { nodeEmitter } from "./node-emitter.js";
import { rxjs } from "./rxjs.js";

/** Those that tell of a put. */
export const withEvents: readonly Peer[] = [
  eventemitter3,
  nodeEmitter,
  rxjs,
  emittery,
  nact,
  effect,
  keyv,
  cacheable,
  cacheableMemory,
  bentocache,
];

/** Those that are caches. */
export const caches: readonly Peer[] = [bareLru, keyv, cacheable, cacheableMemory, bentocache];

/** Those that take part where caches are read, and nowhere else. */
const readOnly: Readonly<Record<string, string>> = {
  "node-cache": "limit that evicts, partitions, replay",
  "async-cache-dedupe": "events, commands other than fetch and clear",
};

/** What a contestant does not do. */
export const lacksOf = (name: string): string =>
  [bareLru, eventObject({ value: false }), ...withEvents].find((peer) => peer.name === name)
    ?.lacks ??
  readOnly[name] ??
  "";
