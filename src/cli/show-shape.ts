import type { StreamShape } from "../errors.js";

/** @internal */
export function shapeText({ partitions, hash, version }: StreamShape): string {
  const count =
    partitions === null ? "no partitions" : `${partitions} partition${partitions === 1 ? "" : "s"}`;
  return `${count}, hash ${hash}, version ${version}`;
}
