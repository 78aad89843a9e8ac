import { types } from "node:util";
import { show } from "../errors.js";

/** How deep arrays, objects, Maps and Sets may be in each other. @internal */
export const maxDepth = 100;

/**
 * What a codec puts in the place of what its format has no form for. It gets the contents of Maps
 * and Sets done already.
 *
 * @internal
 */
export interface TypeEncoders {
  undefined(): unknown;
  /** NaN, -0, Infinity, -Infinity. */
  number(value: number): unknown;
  bigint(value: bigint): unknown;
  /** A string with half a surrogate pair in it. */
  text(value: string): unknown;
  date(value: Date): unknown;
  bytes(value: Uint8Array): unknown;
  map(entries: unknown[]): unknown;
  set(items: unknown[]): unknown;
  /** A plain object, done already, before it goes out as it is. */
  object(value: Record<string, unknown>): unknown;
}

/**
 * Checks that all of a value can be encoded, and puts the codec's forms into a copy of it; what
 * needs none is left as it is, not copied.
 *
 * @throws Error that names what can't be encoded and where
 * @internal
 */
export function normalize(value: unknown, forms: TypeEncoders): unknown {
  return formOf(value, forms, 0, "");
}

function formOf(value: unknown, forms: TypeEncoders, depth: number, at: string): unknown {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? value : forms.text(value);
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !(value === 0 && 1 / value < 0)
        ? value
        : forms.number(value);
    case "undefined":
      return forms.undefined();
    case "bigint":
      return forms.bigint(value);
    case "object":
      return value === null ? null : formOfObject(value, forms, depth, at);
    case "function":
      throw refusal("a function", value, at);
    case "symbol":
      throw refusal("a symbol", value, at);
    // no default
  }
}

function formOfObject(value: object, forms: TypeEncoders, depth: number, at: string): unknown {
  if (depth === maxDepth)
    throw new Error(`cannot encode what is nested deeper than ${maxDepth}, or contains itself`);
  const proto = Object.getPrototypeOf(value) as object | null;
  if (Array.isArray(value) && Array.isArray(proto)) return formOfArray(value, forms, depth, at);
  if (proto === Object.prototype || isRootPrototype(proto))
    return formOfPlain(value as Record<string, unknown>, forms, depth, at);
  // A class that extends one of these would come back without what it has added.
  const builtIn = isRootPrototype(Object.getPrototypeOf(proto) as object | null);
  if (builtIn && types.isDate(value)) return forms.date(value);
  if (types.isUint8Array(value)) return forms.bytes(value);
  if (builtIn && types.isMap(value)) {
    const entries: unknown[] = [];
    for (const [key, item] of value) {
      entries.push(formOf(key, forms, depth + 1, `${at}.<key>`));
      entries.push(formOf(item, forms, depth + 1, `${at}.<value>`));
    }
    return forms.map(entries);
  }
  if (builtIn && types.isSet(value))
    return forms.set([...value].map((item) => formOf(item, forms, depth + 1, `${at}.<item>`)));
  throw refusal(`an instance of ${nameOf(proto)}`, value, at);
}

function formOfArray(
  array: readonly unknown[],
  forms: TypeEncoders,
  depth: number,
  at: string,
): unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < array.length; index++) {
    const item = array[index];
    const form = formOf(item, forms, depth + 1, at);
    if (copy !== undefined) copy.push(form);
    else if (form !== item || (form === undefined && !Object.hasOwn(array, index))) {
      copy = array.slice(0, index);
      copy.push(form);
    }
  }
  return copy ?? (array as unknown[]);
}

function formOfPlain(
  object: Record<string, unknown>,
  forms: TypeEncoders,
  depth: number,
  at: string,
): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    if (key === "__proto__" || !isWellFormed(key))
      throw new Error(`cannot encode the field name ${show(key)} in ${at === "" ? "it" : at}`);
    const item = object[key];
    const form = formOf(item, forms, depth + 1, at);
    if (form === item) continue;
    copy ??= { ...object };
    copy[key] = form;
  }
  return forms.object(copy ?? object);
}

/**
 * Whether it has no half of a surrogate pair. Node has it since version 20, the library's types
 * since a later ES.
 */
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

/** Whether it is the end of a chain: the prototype of plain objects, of whatever realm, or none. */
function isRootPrototype(proto: object | null): boolean {
  return (
    proto === null ||
    proto === Object.prototype ||
    (Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, "isPrototypeOf"))
  );
}

function nameOf(proto: object | null): string {
  const maker: unknown = proto === null ? undefined : Reflect.get(proto, "constructor");
  return typeof maker === "function" && maker.name !== "" ? maker.name : "a class";
}

function refusal(what: string, value: unknown, at: string): Error {
  return new Error(`cannot encode ${what}${at === "" ? "" : ` in ${at}`}: ${show(value)}`);
}
