/**
 * Turns values into bytes and back, types kept: strings, numbers, bigints, booleans, null,
 * undefined, Dates, Uint8Arrays, Maps, Sets, arrays and plain objects.
 *
 * @internal
 */
export interface Codec {
  /** Goes into the second byte of each message, behind the version of the format. */
  readonly id: number;
  readonly name: "binary" | "json";
  /** @throws for what it can't encode */
  encode(value: unknown): Uint8Array;
  /** @throws for what is no encoded value, harmlessly whatever the bytes are */
  decode(bytes: Uint8Array): unknown;
}
