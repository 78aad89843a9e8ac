import type { MsgHdrs } from "../pubsub/nats-client.js";
import type { Milliseconds } from "../options.js";

/** Who has written a message of a log: its header `Nebulex-Entry`. @internal */
export interface EntryOrigin {
  readonly node: string;
  readonly epoch: string;
  readonly startedAt: Milliseconds;
  /** The last sequence of the entry; of a marker: that of the epoch's last entry, or -1. */
  readonly to: number;
  readonly isMarker: boolean;
}

export const originHeader = "Nebulex-Entry";
export const expectedHeader = "Nats-Expected-Last-Subject-Sequence";
export const expectedStreamHeader = "Nats-Expected-Last-Sequence";

const marker = "lost";

/** As `<node> <epoch> <startedAt> <to>[ lost]`, percent-encoded. @internal */
export function originText({ node, epoch, startedAt, to, isMarker }: EntryOrigin): string {
  const text = `${encodeURIComponent(node)} ${encodeURIComponent(epoch)} ${startedAt} ${to}`;
  return isMarker ? `${text} ${marker}` : text;
}

/** Undefined: something foreign has written the message. @internal */
export function originOf(headers: MsgHdrs | undefined): EntryOrigin | undefined {
  return headers === undefined ? undefined : readOrigin(headers.get(originHeader));
}

/** Undefined: it is none. @internal */
export function readOrigin(text: string): EntryOrigin | undefined {
  const [node = "", epoch = "", startedAt, to, kind, ...more] = text.split(" ");
  const isMarker = kind === marker;
  if (node === "" || epoch === "" || more.length > 0 || (kind !== undefined && !isMarker))
    return undefined;
  const numbers = { startedAt: Number(startedAt), to: Number(to) };
  if (!Number.isFinite(numbers.startedAt) || !Number.isSafeInteger(numbers.to)) return undefined;
  try {
    return {
      node: decodeURIComponent(node),
      epoch: decodeURIComponent(epoch),
      ...numbers,
      isMarker,
    };
  } catch {
    return undefined;
  }
}

/** How entries are identified. @internal */
export function tagOf({ node, epoch, to }: EntryOrigin): string {
  return `${node}:${epoch}:${to}`;
}

type Life = Pick<EntryOrigin, "epoch" | "startedAt">;

/** Whether `a`, of the same node, began after `b`. @internal */
export function isYounger(a: Life, b: Life): boolean {
  return a.startedAt === b.startedAt ? a.epoch > b.epoch : a.startedAt > b.startedAt;
}
