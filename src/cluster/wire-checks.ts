import { RejectedMessageError } from "../pubsub/frame.js";

/** The longest name of a node or a cache that is accepted from the wire. */
const maxName = 512;

/** @internal */
export function malformed(what: string): RejectedMessageError {
  return new RejectedMessageError("malformed", what);
}

/** Readers of decoded values; each throws a RejectedMessageError for any other value. @internal */
export const read = {
  list(value: unknown, what: string, maxLength: number): readonly unknown[] {
    if (!Array.isArray(value) || value.length > maxLength) throw malformed(what);
    return value;
  },
  name(value: unknown, what: string): string {
    if (typeof value !== "string" || value.length === 0 || value.length > maxName)
      throw malformed(what);
    return value;
  },
  integer(value: unknown, what: string, min: number, max = Number.MAX_SAFE_INTEGER): number {
    if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max)
      throw malformed(what);
    return value as number;
  },
  flag(value: unknown, what: string): boolean {
    if (typeof value !== "boolean") throw malformed(what);
    return value;
  },
  /** One small integer an event. */
  bytes(value: unknown, what: string, length: number, max: number): Uint8Array {
    if (!(value instanceof Uint8Array) || value.length !== length) throw malformed(what);
    for (const byte of value) if (byte > max) throw malformed(what);
    return value;
  },
};
