import type { StreamShape } from "../errors.js";

/**
 * The channels of one stream; its data have others for each shape, so that streams of different
 * shapes never hear each other's.
 *
 * @internal
 */
export interface ChannelNames {
  /** What all of them begin with, and no other stream's. */
  readonly prefix: string;
  /** Where all nodes of the stream say that they are there, whatever their shape. */
  readonly nodes: string;
  /** Where one node is answered. */
  node(name: string): string;
  data(partition: number): string;
}

/** @internal */
export function channelNames(cache: string, name: string, shape: StreamShape): ChannelNames {
  const { partitions, hash, version } = shape;
  const stream = `stream:${cache}:${name}`;
  const data = `${stream}:data:${version}:${partitions ?? 0}:${encodeURIComponent(hash)}`;
  return {
    prefix: `${stream}:`,
    nodes: `${stream}:nodes`,
    node: (node) => `${stream}:node:${node}`,
    data: (partition) => `${data}:${partition}`,
  };
}
