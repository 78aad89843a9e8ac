import type { Adapter, AsyncAdapter } from "./adapter.js";
import type { AsyncCache, Cache } from "./types.js";
import type { ActorRef } from "../actor/ref.js";
import { InstanceSlot } from "./slot.js";

/** A cache of either kind, before its keys and values have types. @internal */
export type UntypedCache = Cache | AsyncCache;

/** Makes a handle on a slot, without an origin or with one. @internal */
export type MakeHandle = (
  definition: Definition,
  slot: InstanceSlot,
  origin: ActorRef | null,
) => UntypedCache;

/** What a cache is: its name, its adapter, and its instances by name. @internal */
export class Definition {
  readonly name: string;
  readonly adapter: Adapter | AsyncAdapter;
  readonly #makeHandle: MakeHandle;
  readonly #handles = new Map<string, UntypedCache>();

  constructor(name: string, adapter: Adapter | AsyncAdapter, makeHandle: MakeHandle) {
    this.name = name;
    this.adapter = adapter;
    this.#makeHandle = makeHandle;
  }

  /** The same handle for the same name. */
  instance(name: string): UntypedCache {
    let handle = this.#handles.get(name);
    if (handle === undefined) {
      handle = this.#makeHandle(this, new InstanceSlot(this.name, name), null);
      this.#handles.set(name, handle);
    }
    return handle;
  }

  withOrigin(slot: InstanceSlot, origin: ActorRef): UntypedCache {
    return this.#makeHandle(this, slot, origin);
  }
}
