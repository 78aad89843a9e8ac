import { types } from "node:util";

/**
 * An error as it crosses between threads: structured clone drops the name of its class and its own
 * fields.
 *
 * @internal
 */
export interface EncodedError {
  readonly error: unknown;
  readonly name?: string;
  readonly fields?: object;
}

/** @internal */
export function encodeError(error: unknown): EncodedError {
  return types.isNativeError(error)
    ? { error, name: error.name, fields: Object.assign({}, error) }
    : { error };
}

/** The same, when that could not be cloned: what can be said of it in text. @internal */
export function describeError(error: unknown): EncodedError {
  if (!types.isNativeError(error)) return { error: new Error(String(error)) };
  const { name, message, stack } = error;
  return { error: Object.assign(new Error(message), { stack }), name };
}

/** @internal */
export function decodeError({ error, name, fields }: EncodedError): unknown {
  if (!types.isNativeError(error)) return error;
  if (name !== undefined && name !== error.name)
    Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  return Object.assign(error, fields);
}
