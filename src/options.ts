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

export function abortSignal(option: string, value: unknown): AbortSignal {
  const signal = value as AbortSignal | null;
  // Not by its class: a signal may come from another realm, e.g. that of a test runner.
  if (
    typeof signal === "object" &&
    typeof signal?.aborted === "boolean" &&
    typeof signal.throwIfAborted === "function" &&
    typeof signal.addEventListener === "function"
  )
    return signal;
  throw OptionError.invalid(option, "an AbortSignal", value);
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

/** The options of a factory, by name; errors are checked for in this order. */
export type OptionSchema<Earlier = never> = Readonly<Record<string, OptionSpec<unknown, Earlier>>>;

/** A schema that has exactly the options of an interface. */
export type SchemaOf<Options> = Readonly<Record<keyof Options & string, object>>;

/**
 * One option of a schema. A reader can depend on the options that stand before it in the schema,
 * which it gets as `earlier`, checked and with their defaults.
 */
export interface OptionSpec<T, Earlier = object> {
  /** Checks a given value and returns what is used for it. @throws OptionError */
  readonly read: (option: string, value: unknown, earlier: Earlier) => T;
  /** What is used if no value is given. @throws OptionError when there has to be one */
  readonly fallback: (option: string, earlier: Earlier) => T;
  /** Whether {@link sameOptions} leaves it out. */
  readonly isLive: boolean;
}

/** The values that {@link readOptions} returns for a schema. */
export type Resolved<Schema extends OptionSchema> = {
  readonly [Name in keyof Schema]: Schema[Name] extends OptionSpec<infer T, never> ? T : never;
};

type Read<T, Earlier extends object> = OptionSpec<T, Earlier>["read"];

/**
 * An optional option. Its default is undefined, null, or a value as `read` returns it.
 *
 * @internal
 */
export function option<T, Earlier extends object = object>(
  read: Read<T, Earlier>,
): OptionSpec<T | undefined, Earlier>;
export function option<T, Earlier extends object = object>(
  read: Read<T, Earlier>,
  fallback: null,
): OptionSpec<T | null, Earlier>;
export function option<T, Earlier extends object = object>(
  read: Read<T, Earlier>,
  fallback: NoInfer<T>,
): OptionSpec<T, Earlier>;
export function option(read: Read<unknown, object>, fallback?: unknown): OptionSpec<unknown> {
  return { read, fallback: () => fallback, isLive: false };
}

/** An option whose default depends on earlier ones, or is made anew each time. @internal */
export function derivedOption<T, Earlier extends object = object>(
  read: Read<T, Earlier>,
  fallback: (earlier: Earlier) => NoInfer<T>,
): OptionSpec<T, Earlier> {
  return { read, fallback: (_option, earlier) => fallback(earlier), isLive: false };
}

/** A required option: `read` is called in any case, and refuses undefined. @internal */
export function requiredOption<T, Earlier extends object = object>(
  read: Read<T, Earlier>,
): OptionSpec<T, Earlier> {
  return { read, fallback: (name, earlier) => read(name, undefined, earlier), isLive: false };
}

/** An option that can change while what it was given for goes on. @internal */
export function liveOption<T, Earlier>(spec: OptionSpec<T, Earlier>): OptionSpec<T, Earlier> {
  return { ...spec, isLive: true };
}

/**
 * Checks options against a schema. An option that is undefined counts as not given.
 *
 * @param what names the taker, e.g. `streamServer`
 * @returns every option of the schema, with its default if it was not given; frozen
 * @throws OptionError for the first option that is unknown or has a wrong value
 * @internal
 */
export function readOptions<Schema extends OptionSchema<Resolved<Schema>>>(
  what: string,
  schema: Schema,
  options: object,
): Resolved<Schema> {
  knownOptions(what, options, Object.keys(schema));
  const resolved: Record<string, unknown> = {};
  for (const [name, { read, fallback }] of Object.entries(schema)) {
    const value = (options as Record<string, unknown>)[name];
    const earlier = resolved as Resolved<Schema>;
    resolved[name] = value === undefined ? fallback(name, earlier) : read(name, value, earlier);
  }
  return Object.freeze(resolved) as Resolved<Schema>;
}

/**
 * Whether two sets of options are the same, those aside that are live. Arrays are compared by their
 * elements.
 *
 * @internal
 */
export function sameOptions(schema: OptionSchema, a: object, b: object): boolean {
  return Object.entries(schema).every(
    ([name, { isLive }]) =>
      isLive || isSame((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
  );
}

function isSame(a: unknown, b: unknown): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return Object.is(a, b);
  return a.length === b.length && a.every((item, index) => Object.is(item, b[index]));
}
