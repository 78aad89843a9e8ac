import { fieldRefusal, isWellFormed, kindOf, maxDepth, refusal, tooDeep } from "./encodable.js";

/** Extension types on the wire: none may change its meaning. @internal */
export const extension = {
  undefined: 1,
  minusZero: 2,
  bigint: 3,
  text: 4,
  date: 5,
  bytes: 6,
  map: 7,
  set: 8,
} as const;

/** Bytes of a buffer that is kept for the next value, at most. */
const maxKept = 1 << 20;
/** Bytes before the data of an extension, at most. */
const extensionHead = 6;
/** Characters of a string whose length is in its first byte. */
const shortText = 32;

/**
 * Writes values as MessagePack, in one pass that checks them, too. Each part of a value is read
 * once. The same bytes as `Encoder` of `@msgpack/msgpack` makes of what is normalized before, in a
 * third of the time.
 */
class MessagePackWriter {
  #bytes = new Uint8Array(0);
  #buffer = Buffer.alloc(0);
  #view = new DataView(new ArrayBuffer(0));
  #at = 0;

  constructor() {
    this.#use(2048);
  }

  /** Bytes that it keeps. */
  get size(): number {
    return this.#bytes.length;
  }

  write(value: unknown, room: number): Uint8Array {
    this.#at = room;
    this.#value(value, 0, "");
    return this.#bytes.slice(0, this.#at);
  }

  #value(value: unknown, depth: number, place: string): void {
    switch (typeof value) {
      case "string":
        if (!this.#shortAscii(value)) this.#text(value);
        return;
      case "number":
        this.#number(value);
        return;
      case "boolean":
        this.#byte(value ? 0xc3 : 0xc2);
        return;
      case "undefined":
        this.#extension(extension.undefined, nothing);
        return;
      case "bigint":
        this.#extension(extension.bigint, bytesOfBigint(value));
        return;
      case "object":
        if (value === null) this.#byte(0xc0);
        else this.#object(value, depth, place);
        return;
      case "function":
      case "symbol":
        throw refusal(value, place);
      // no default
    }
  }

  #object(value: object, depth: number, place: string): void {
    if (depth === maxDepth) throw tooDeep();
    switch (kindOf(value)) {
      case "array":
        this.#array(value as unknown[], depth, place);
        return;
      case "plain":
        this.#plain(value as Record<string, unknown>, depth, place);
        return;
      case "date":
        this.#extension(extension.date, bytesOfDate(value as Date));
        return;
      case "bytes":
        this.#extension(extension.bytes, value as Uint8Array);
        return;
      case "map":
        this.#nested(extension.map, () => {
          const entries = [...(value as Map<unknown, unknown>)];
          this.#head(2 * entries.length, 0x90, 0xdc);
          for (const [key, item] of entries) {
            this.#value(key, depth + 1, `${place}.<key>`);
            this.#value(item, depth + 1, `${place}.<value>`);
          }
        });
        return;
      case "set":
        this.#nested(extension.set, () =>
          this.#array([...(value as Set<unknown>)], depth, `${place}.<item>`),
        );
        return;
      case undefined:
        throw refusal(value, place);
    }
  }

  #array(items: readonly unknown[], depth: number, place: string): void {
    const { length } = items;
    this.#head(length, 0x90, 0xdc);
    for (let index = 0; index < length; index++) this.#value(items[index], depth + 1, place);
  }

  #plain(object: Record<string, unknown>, depth: number, place: string): void {
    const names = Object.keys(object);
    this.#head(names.length, 0x80, 0xde);
    for (const name of names) {
      if (name === "__proto__") throw fieldRefusal(name, place);
      if (!this.#shortAscii(name)) {
        if (!isWellFormed(name)) throw fieldRefusal(name, place);
        this.#text(name);
      }
      this.#value(object[name], depth + 1, place);
    }
  }

  #number(value: number): void {
    if (!Number.isSafeInteger(value)) this.#float(value);
    else if (Object.is(value, -0)) this.#extension(extension.minusZero, nothing);
    else if (value >= 0) this.#unsigned(value);
    else this.#negative(value);
  }

  #unsigned(value: number): void {
    if (value < 0x80) this.#byte(value);
    else if (value < 0x100) this.#sized8(0xcc, value);
    else if (value < 0x10000) this.#sized16(0xcd, value);
    else if (value < 0x100000000) this.#sized32(0xce, value);
    else this.#sized64(0xcf, value);
  }

  #negative(value: number): void {
    // The setters take the two's complement.
    if (value >= -0x20) this.#byte(value);
    else if (value >= -0x80) this.#sized8(0xd0, value);
    else if (value >= -0x8000) this.#sized16(0xd1, value);
    else if (value >= -0x80000000) this.#sized32(0xd2, value);
    else this.#sized64(0xd3, value);
  }

  #float(value: number): void {
    this.#reserve(9);
    this.#bytes[this.#at] = 0xcb;
    this.#view.setFloat64(this.#at + 1, value);
    this.#at += 9;
  }

  /** Writes a string, unless it is longer or has other characters. Most keys and names are such. */
  #shortAscii(text: string): boolean {
    const { length } = text;
    if (length >= shortText) return false;
    this.#reserve(shortText);
    const bytes = this.#bytes;
    const from = this.#at + 1;
    for (let index = 0; index < length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) return false;
      bytes[from + index] = unit;
    }
    bytes[this.#at] = 0xa0 | length;
    this.#at = from + length;
    return true;
  }

  #text(text: string): void {
    if (!isWellFormed(text)) {
      this.#extension(extension.text, Buffer.from(text, "utf16le"));
      return;
    }
    const size = Buffer.byteLength(text);
    if (size < shortText) this.#byte(0xa0 | size);
    else if (size < 0x100) this.#sized8(0xd9, size);
    else if (size < 0x10000) this.#sized16(0xda, size);
    else this.#sized32(0xdb, size);
    this.#reserve(size);
    this.#at += this.#buffer.write(text, this.#at, size);
  }

  /** How many items or fields follow. */
  #head(count: number, few: number, many: number): void {
    if (count < 16) this.#byte(few | count);
    else if (count < 0x10000) this.#sized16(many, count);
    else this.#sized32(many + 1, count);
  }

  #extension(type: number, data: Uint8Array): void {
    const { length } = data;
    this.#reserve(extensionHead + length);
    this.#extensionHead(type, length);
    this.#bytes.set(data, this.#at);
    this.#at += length;
  }

  /** An extension that holds what `write` writes. */
  #nested(type: number, write: () => void): void {
    // The head is as long as the data's length requires: the data moves behind it.
    this.#reserve(extensionHead);
    const start = this.#at;
    this.#at += extensionHead;
    write();
    const from = start + extensionHead;
    const length = this.#at - from;
    this.#at = start;
    this.#extensionHead(type, length);
    this.#bytes.copyWithin(this.#at, from, from + length);
    this.#at += length;
  }

  #extensionHead(type: number, length: number): void {
    const fixed = fixedLengths.indexOf(length);
    if (fixed !== -1) this.#byte(0xd4 + fixed);
    else if (length < 0x100) this.#sized8(0xc7, length);
    else if (length < 0x10000) this.#sized16(0xc8, length);
    else this.#sized32(0xc9, length);
    this.#byte(type);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  #sized8(head: number, value: number): void {
    this.#byte(head);
    this.#byte(value);
  }

  #sized16(head: number, value: number): void {
    this.#reserve(3);
    this.#bytes[this.#at] = head;
    this.#view.setUint16(this.#at + 1, value);
    this.#at += 3;
  }

  #sized32(head: number, value: number): void {
    this.#reserve(5);
    this.#bytes[this.#at] = head;
    this.#view.setUint32(this.#at + 1, value);
    this.#at += 5;
  }

  #sized64(head: number, value: number): void {
    this.#reserve(9);
    this.#bytes[this.#at] = head;
    this.#view.setUint32(this.#at + 1, Math.floor(value / 0x100000000));
    this.#view.setUint32(this.#at + 5, value);
    this.#at += 9;
  }

  #reserve(count: number): void {
    if (this.#at + count > this.#bytes.length) this.#use(2 * (this.#at + count));
  }

  #use(size: number): void {
    const { buffer } = new Uint8Array(size);
    const before = this.#bytes;
    this.#bytes = new Uint8Array(buffer);
    this.#bytes.set(before);
    this.#buffer = Buffer.from(buffer);
    this.#view = new DataView(buffer);
  }
}

/** Absent while a value is written: one that is written meanwhile, by a getter, has its own. */
let idle: MessagePackWriter | undefined;

/**
 * A value as MessagePack.
 *
 * @param room bytes to leave before it
 * @throws Error that names what cannot be encoded, and where
 * @internal
 */
export function writeMessagePack(value: unknown, room: number): Uint8Array {
  const writer = idle ?? new MessagePackWriter();
  idle = undefined;
  try {
    return writer.write(value, room);
  } finally {
    if (writer.size <= maxKept) idle = writer;
  }
}

const nothing = new Uint8Array(1);
/** Lengths of extensions that have a first byte of their own, in the order of these bytes. */
const fixedLengths = [1, 2, 4, 8, 16];

function bytesOfDate(value: Date): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value.getTime());
  return bytes;
}

/** The sign (0 or 1), then the magnitude, the highest byte first. */
function bytesOfBigint(value: bigint): Uint8Array {
  const hex = (value < 0n ? -value : value).toString(16);
  return Buffer.from((value < 0n ? "01" : "00") + (hex.length % 2 === 0 ? hex : `0${hex}`), "hex");
}
