import { type EventType, eventTypes } from "../event/types.js";
import { subsetOf } from "../options.js";

/** The bit of each type in a mask of types. @internal */
export const typeBits: Readonly<Record<EventType, number>> = {
  inserted: 1,
  updated: 2,
  deleted: 4,
  expired: 8,
  evicted: 16,
};

/**
 * The bit of a type. Compared one by one, the likely ones first, since it is asked for every event.
 *
 * @internal
 */
export function bitOf(type: EventType): number {
  if (type === "updated") return typeBits.updated;
  if (type === "inserted") return typeBits.inserted;
  return typeBits[type];
}

/** @internal */
export function typeOfBit(bit: number): EventType {
  return eventTypes[31 - Math.clz32(bit)] as EventType;
}

/** @internal */
export const allTypes = 31;

/** @internal */
export function maskOf(types: readonly EventType[]): number {
  return types.reduce((mask, type) => mask | typeBits[type], 0);
}

/** @internal */
export function typesOf(mask: number): EventType[] {
  return eventTypes.filter((type) => (mask & typeBits[type]) !== 0);
}

/** Reads an option that is a list of event types, and returns their mask. @internal */
export function eventsOption(name: string, value: unknown): number {
  return maskOf(subsetOf(name, value, eventTypes, 1));
}
