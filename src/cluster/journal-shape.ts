import type { StreamShape } from "../errors.js";

/** A shape as it is stored in a journal, with the node that stored it. @internal */
export function encodeShape({ partitions, hash, version }: StreamShape, node: string): string {
  return JSON.stringify({ partitions, hash, version, node });
}

/** What can't be read is no shape that any stream has. @internal */
export function decodeShape(text: string): { shape: StreamShape; node: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { partitions, hash, version, node } = (value ?? {}) as Record<string, unknown>;
  return {
    shape: {
      partitions:
        partitions === null || Number.isSafeInteger(partitions) ? (partitions as null) : 0,
      hash: typeof hash === "string" ? hash.slice(0, 512) : "?",
      version: Number.isSafeInteger(version) ? (version as number) : -1,
    },
    node: typeof node === "string" ? node.slice(0, 512) : "?",
  };
}
