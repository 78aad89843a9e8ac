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
  /**
   * Weak: what runs or is held keeps its slot, and the slot its handle; nothing keeps the others.
   */
  readonly #handles = new Map<string, WeakRef<UntypedCache>>();
  readonly #collected = new FinalizationRegistry<string>((name) => {
    // There may be a new one of the same name.
    if (this.#handles.get(name)?.deref() === undefined) this.#handles.delete(name);
  });

  constructor(name: string, adapter: Adapter | AsyncAdapter, makeHandle: MakeHandle) {
    this.name = name;
    this.adapter = adapter;
    this.#makeHandle = makeHandle;
  }

  /**
   * The same handle for the same name, as long as anything holds it, its slot or what runs there.
   */
  instance(name: string): UntypedCache {
    const known = this.#handles.get(name)?.deref();
    if (known !== undefined) return known;
    const slot = new InstanceSlot(this.name, name);
    const handle = this.#makeHandle(this, slot, null);
    slot.handle = handle;
    this.#handles.set(name, new WeakRef(handle));
    this.#collected.register(handle, name);
    return handle;
  }

  withOrigin(slot: InstanceSlot, origin: ActorRef): UntypedCache {
    return this.#makeHandle(this, slot, origin);
  }
}
