import { type Codec, maxDepth, normalize, type TypeEncoders } from "./encodable.js";

/**
 * JSON, which people can read on the wire. What JSON cannot represent becomes an object with one
 * field whose name begins with `$`, its tag: `{"$date": 1700000000000}`, `{"$map": [[1, "a"]]}`; a
 * plain object that looks like one is wrapped: `{"$object": ...}`.
 *
 * @internal
 */
export const jsonCodec: Codec = {
  id: 2,
  name: "json",
  encode: (value, room = 0) => {
    const json = JSON.stringify(normalize(value, encoders));
    const bytes = Buffer.allocUnsafeSlow(room + Buffer.byteLength(json));
    bytes.write(json, room);
    return bytes;
  },
  decode: (bytes) => revive(JSON.parse(utf8.decode(bytes)), 0),
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const encoders: TypeEncoders = {
  undefined: () => ({ $undefined: true }),
  number: (value) => ({ $number: value === 0 ? "-0" : String(value) }),
  bigint: (value) => ({ $bigint: textOfBigint(value) }),
  // JSON.stringify escapes a lone surrogate, and JSON.parse restores it.
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
  object: (value) => (tagOf(value) === undefined ? value : { $object: value }),
};

/** The longest bigint that is written in decimal: reading decimals takes more than linear time. */
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

/** The tag of a tagged object. */
function tagOf(object: object): string | undefined {
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
  const tag = tagOf(value);
  return tag === undefined
    ? reviveFields(value as Record<string, unknown>, depth)
    : reviveTagged(tag, (value as Record<string, unknown>)[tag], depth);
}

function reviveFields(object: Record<string, unknown>, depth: number): Record<string, unknown> {
  for (const key of Object.keys(object)) {
    if (key === "__proto__") throw new Error("a field named __proto__");
    const item = object[key];
    if (typeof item === "object") object[key] = revive(item, depth + 1);
  }
  return object;
}

function reviveTagged(tag: string, content: unknown, depth: number): unknown {
  switch (tag) {
    case "$undefined":
      return undefined;
    case "$number":
      return reviveNumber(content);
    case "$bigint":
      return reviveBigint(content);
    case "$date":
      if (content !== null && typeof content !== "number") throw malformed(tag);
      return new Date(content ?? Number.NaN);
    case "$bytes":
      if (typeof content !== "string") throw malformed(tag);
      return new Uint8Array(Buffer.from(content, "base64"));
    case "$map":
      return new Map(
        list(tag, content).map((entry) => {
          if (!Array.isArray(entry) || entry.length !== 2) throw malformed(tag);
          return [revive(entry[0], depth + 1), revive(entry[1], depth + 1)];
        }),
      );
    case "$set":
      return new Set(list(tag, content).map((item) => revive(item, depth + 1)));
    case "$object":
      if (typeof content !== "object" || content === null || Array.isArray(content))
        throw malformed(tag);
      return reviveFields(content as Record<string, unknown>, depth);
    default:
      throw new Error(`unknown tag ${tag.slice(0, 20)}`);
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

function list(tag: string, content: unknown): unknown[] {
  if (!Array.isArray(content)) throw malformed(tag);
  return content;
}

function malformed(tag: string): Error {
  return new Error(`a malformed ${tag}`);
}
