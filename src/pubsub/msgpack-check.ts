import { maxDepth } from "./encodable.js";

/** What an extension holds: bytes, or MessagePack again. @internal */
export type ExtensionKind = "leaf" | "nested" | undefined;

const utf8 = new TextDecoder();

/**
 * Checks MessagePack before it is decoded: every length is really there, nothing is nested too deep
 * or left over, all field names are strings, and all extensions are known. So the decoder never
 * reserves memory for lengths that a message only claims, and never recurses too deep.
 *
 * @param kindOf what the extension of a type holds; undefined: it is unknown
 * @throws Error
 * @internal
 */
export function checkMessagePack(bytes: Uint8Array, kindOf: (type: number) => ExtensionKind): void {
  new Check(bytes, kindOf).whole(0, bytes.length, 0);
}

class Check {
  readonly #bytes: Uint8Array;
  readonly #kindOf: (type: number) => ExtensionKind;
  #at = 0;

  constructor(bytes: Uint8Array, kindOf: (type: number) => ExtensionKind) {
    this.#bytes = bytes;
    this.#kindOf = kindOf;
  }

  whole(from: number, to: number, depth: number): void {
    this.#at = from;
    this.#value(to, depth);
    if (this.#at !== to) throw new Error("bytes left over");
  }

  #value(end: number, depth: number): void {
    const head = this.#uint(1, end);
    if (head <= 0x7f || head >= 0xe0) return;
    if (head <= 0x8f) this.#map(head & 0x0f, end, depth);
    else if (head <= 0x9f) this.#array(head & 0x0f, end, depth);
    else if (head <= 0xbf) this.#skip(head & 0x1f, end);
    else this.#long(head, end, depth);
  }

  #long(head: number, end: number, depth: number): void {
    switch (head) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return;
      case 0xc7:
      case 0xc8:
      case 0xc9:
        this.#extension(this.#uint(1 << (head - 0xc7), end), end, depth);
        return;
      case 0xca:
      case 0xcb:
        this.#skip(4 << (head - 0xca), end);
        return;
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        this.#skip(1 << (head - 0xcc), end);
        return;
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3:
        this.#skip(1 << (head - 0xd0), end);
        return;
      case 0xd4:
      case 0xd5:
      case 0xd6:
      case 0xd7:
      case 0xd8:
        this.#extension(1 << (head - 0xd4), end, depth);
        return;
      case 0xd9:
      case 0xda:
      case 0xdb:
        this.#skip(this.#uint(1 << (head - 0xd9), end), end);
        return;
      case 0xdc:
      case 0xdd:
        this.#array(this.#uint(2 << (head - 0xdc), end), end, depth);
        return;
      case 0xde:
      case 0xdf:
        this.#map(this.#uint(2 << (head - 0xde), end), end, depth);
        return;
      default:
        throw new Error(`byte 0x${head.toString(16)} begins no value of ours`);
    }
  }

  #array(length: number, end: number, depth: number): void {
    this.#descend(length, end, depth);
    for (let index = 0; index < length; index++) this.#value(end, depth + 1);
  }

  #map(length: number, end: number, depth: number): void {
    this.#descend(2 * length, end, depth);
    for (let index = 0; index < length; index++) {
      this.#fieldName(end);
      this.#value(end, depth + 1);
    }
  }

  #fieldName(end: number): void {
    const head = this.#uint(1, end);
    let length: number;
    if (head >= 0xa0 && head <= 0xbf) length = head & 0x1f;
    else if (head >= 0xd9 && head <= 0xdb) length = this.#uint(1 << (head - 0xd9), end);
    else throw new Error("a field name that is no string");
    const from = this.#at;
    this.#skip(length, end);
    if (
      length === 9 &&
      this.#bytes[from] === 0x5f &&
      utf8.decode(this.#bytes.subarray(from, this.#at)) === "__proto__"
    )
      throw new Error("a field named __proto__");
  }

  #extension(length: number, end: number, depth: number): void {
    const type = this.#uint(1, end);
    const kind = this.#kindOf(type);
    if (kind === undefined) throw new Error(`unknown extension type ${type}`);
    const from = this.#at;
    this.#skip(length, end);
    if (kind === "leaf") return;
    this.#descend(0, end, depth);
    this.whole(from, from + length, depth);
  }

  #descend(values: number, end: number, depth: number): void {
    if (depth >= maxDepth) throw new Error(`nested deeper than ${maxDepth}`);
    if (values > end - this.#at) throw new Error("a length beyond the end");
  }

  #skip(length: number, end: number): void {
    if (length > end - this.#at) throw new Error("a length beyond the end");
    this.#at += length;
  }

  #uint(size: number, end: number): number {
    const from = this.#at;
    this.#skip(size, end);
    let value = 0;
    for (let index = from; index < this.#at; index++)
      value = value * 256 + (this.#bytes[index] as number);
    return value;
  }
}
