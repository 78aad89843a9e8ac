import { OptionError } from "./errors.js";

/** A duration, or a point in time, in milliseconds. */
export type Milliseconds = number;

/**
 * Fails unless `options` is an object that has no other keys than `known`. `what` names the taker,
 * e.g. `streamServer`.
 */
export function knownOptions(what: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw OptionError.invalid("options", `an object (the options of ${what})`, options);
  }
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) {
      throw new OptionError(
        key,
        `unknown option "${key}" for ${what}; known options: ${known.join(", ")}`,
      );
    }
  }
}

/** An integer within `min`..`max`. */
export function integer(
  option: string,
  value: unknown,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
    return value as number;
  const expected =
    max === Number.MAX_SAFE_INTEGER ? `an integer >= ${min}` : `an integer >= ${min} and <= ${max}`;
  throw OptionError.invalid(option, expected, value);
}

/** A finite number of milliseconds, `min` at the least. */
export function milliseconds(option: string, value: unknown, min = 0): Milliseconds {
  if (typeof value === "number" && Number.isFinite(value) && value >= min) return value;
  throw OptionError.invalid(option, `a number of milliseconds >= ${min}`, value);
}

/** A finite number of milliseconds above 0. */
export function positiveMilliseconds(option: string, value: unknown): Milliseconds {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw OptionError.invalid(option, "a number of milliseconds > 0", value);
}

export function boolean(option: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw OptionError.invalid(option, "a boolean", value);
}

export function nonEmptyString(option: string, value: unknown): string {
  if (typeof value === "string" && value.length > 0) return value;
  throw OptionError.invalid(option, "a non-empty string", value);
}

/**
 * A name of a cache, an instance or a node: a non-empty string without ":", which separates the
 * parts of a topic.
 */
export function plainName(option: string, value: unknown): string {
  if (typeof value === "string" && value.length > 0 && !value.includes(":")) return value;
  throw OptionError.invalid(option, 'a non-empty string without ":"', value);
}

export function callable<F>(option: string, value: F): F {
  if (typeof value === "function") return value;
  throw OptionError.invalid(option, "a function", value);
}

/** One of a few literals. */
export function oneOf<const T extends string>(
  option: string,
  value: unknown,
  allowed: readonly T[],
): T {
  if (allowed.includes(value as T)) return value as T;
  throw OptionError.invalid(
    option,
    `one of ${allowed.map((literal) => `"${literal}"`).join(", ")}`,
    value,
  );
}

/** A list of literals; doubles are dropped. */
export function subsetOf<const T extends string>(
  option: string,
  value: unknown,
  allowed: readonly T[],
  min = 0,
): T[] {
  const expected = `${min > 0 ? "a non-empty" : "an"} array of values among ${allowed.map((l) => `"${l}"`).join(", ")}`;
  if (!Array.isArray(value) || value.length < min)
    throw OptionError.invalid(option, expected, value);
  for (const item of value)
    if (!allowed.includes(item as T)) throw OptionError.invalid(option, expected, value);
  return [...new Set(value as T[])];
}
