import type { Codec } from "./codec.js";
import { type TypeEncoders, normalize, maxDepth } from "./encodable.js";

/**
 * JSON that people can read on the wire. What JSON has no form for is an object with one field
 * whose name begins with `$`: `{"$date": 1700000000000}`, `{"$map": [[1, "a"]]}`; a plain object
 * that looks like one goes into `{"$object": ...}`.
 *
 * @internal
 */
export const jsonCodec: Codec = {
  id: 2,
  name: "json",
  encode: (value) => Buffer.from(JSON.stringify(normalize(value, forms))),
  decode: (bytes) => revive(JSON.parse(utf8.decode(bytes)), 0),
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const forms: TypeEncoders = {
  undefined: () => ({ $undefined: true }),
  number: (value) => ({ $number: value === 0 ? "-0" : String(value) }),
  bigint: (value) => ({ $bigint: textOfBigint(value) }),
  // JSON.stringify escapes half a pair, and JSON.parse brings it back.
  text: (value) => value,
  date: (value) => {
    const time = value.getTime();
    return { $date: Number.isNaN(time) ? null : time };
  },
  bytes: (value) => ({
    $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"),
  }),
  map: (entries) => ({
    $map: entries.flatMap((key, index) => (index % 2 === 0 ? [[key, entries[index + 1]]] : [])),
  }),
  set: (items) => ({ $set: items }),
  object: (value) => (formIn(value) === undefined ? value : { $object: value }),
};

/**
 * Digits beyond which a bigint goes out in hexadecimal: reading decimal ones takes more than linear
 * time.
 */
const decimalDigits = 1000;

function textOfBigint(value: bigint): string {
  const hex = (value < 0n ? -value : value).toString(16);
  return hex.length <= decimalDigits / 2 ? String(value) : `${value < 0n ? "-" : ""}0x${hex}`;
}

function reviveBigint(content: unknown): bigint {
  const [, sign, digits] =
    typeof content === "string" ? (/^(-?)(\d+|0x[\da-f]+)$/.exec(content) ?? []) : [];
  if (digits === undefined || (digits.length > decimalDigits && !digits.startsWith("0x")))
    throw malformed("$bigint");
  return sign === "-" ? -BigInt(digits) : BigInt(digits);
}

/** The name of the one field that makes an object a form. */
function formIn(object: object): string | undefined {
  const [name, second] = Object.keys(object);
  return name?.startsWith("$") === true && second === undefined ? name : undefined;
}

function revive(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > maxDepth) throw new Error(`nested deeper than ${maxDepth}`);
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++)
      value[index] = revive(value[index], depth + 1);
    return value;
  }
  const form = formIn(value);
  return form === undefined
    ? reviveFields(value as Record<string, unknown>, depth)
    : reviveForm(form, (value as Record<string, unknown>)[form], depth);
}

function reviveFields(object: Record<string, unknown>, depth: number): Record<string, unknown> {
  for (const key of Object.keys(object)) {
    if (key === "__proto__") throw new Error("a field named __proto__");
    const item = object[key];
    if (typeof item === "object") object[key] = revive(item, depth + 1);
  }
  return object;
}

function reviveForm(form: string, content: unknown, depth: number): unknown {
  switch (form) {
    case "$undefined":
      return undefined;
    case "$number":
      return reviveNumber(content);
    case "$bigint":
      return reviveBigint(content);
    case "$date":
      if (content !== null && typeof content !== "number") throw malformed(form);
      return new Date(content ?? Number.NaN);
    case "$bytes":
      if (typeof content !== "string") throw malformed(form);
      return new Uint8Array(Buffer.from(content, "base64"));
    case "$map":
      return new Map(
        list(form, content).map((entry) => {
          if (!Array.isArray(entry) || entry.length !== 2) throw malformed(form);
          return [revive(entry[0], depth + 1), revive(entry[1], depth + 1)];
        }),
      );
    case "$set":
      return new Set(list(form, content).map((item) => revive(item, depth + 1)));
    case "$object":
      if (typeof content !== "object" || content === null || Array.isArray(content))
        throw malformed(form);
      return reviveFields(content as Record<string, unknown>, depth);
    default:
      throw new Error(`unknown form ${form.slice(0, 20)}`);
  }
}

const numbers: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  "-0": -0,
  Infinity: Infinity,
  "-Infinity": -Infinity,
};

function reviveNumber(content: unknown): number {
  const number =
    typeof content === "string" && Object.hasOwn(numbers, content) ? numbers[content] : undefined;
  if (number === undefined) throw malformed("$number");
  return number;
}

function list(form: string, content: unknown): unknown[] {
  if (!Array.isArray(content)) throw malformed(form);
  return content;
}

function malformed(form: string): Error {
  return new Error(`a malformed ${form}`);
}
