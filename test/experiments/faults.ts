import type { SeededRandom } from "../../src/testing/random.js";
import type { Rig } from "./rig.js";

/** A way to do harm to a rig. */
export interface Fault {
  /** Strikes, if there is something to strike in the middle of its work; returns whether it did. */
  strike(rig: Rig, random: SeededRandom): boolean;
  /** What a handler of a partition does before it writes an event down. */
  readonly beforeEvent?: (partition: number) => void;
}

/** A partition whose worker lives and has events to handle; undefined: there is none. */
function busyPartition(rig: Rig, random: SeededRandom): number | undefined {
  const busy = [...rig.workers.keys()].filter(
    (partition) => rig.workers[partition]?.alive === true && rig.lagOf(partition) > 0,
  );
  return random.pick(busy);
}

/** Kills a worker that has events to handle. */
export const killHandler: Fault = {
  strike(rig, random) {
    const partition = busyPartition(rig, random);
    if (partition === undefined) return false;
    void rig.workers[partition]?.kill();
    return true;
  },
};

/** Has a worker throw at the next of its events. */
export function crashHandler(): Fault {
  const armed = new Set<number>();
  return {
    strike(rig, random) {
      const partition = busyPartition(rig, random);
      if (partition === undefined || armed.has(partition)) return false;
      armed.add(partition);
      return true;
    },
    beforeEvent: (partition) => {
      if (armed.delete(partition)) throw new Error("a fault of the experiment");
    },
  };
}

function isStreamBusy(rig: Rig): boolean {
  return rig.server.alive && rig.workers.some((_, partition) => rig.lagOf(partition) > 0);
}

/** Ends the stream server as an error of its own would, while events are on their way. */
export const crashStream: Fault = {
  strike(rig) {
    if (!isStreamBusy(rig)) return false;
    void rig.server.stop(new Error("a fault of the experiment"));
    return true;
  },
};

/** Kills the stream server while events are on their way. */
export const killStream: Fault = {
  strike(rig) {
    if (!isStreamBusy(rig)) return false;
    void rig.server.kill();
    return true;
  },
};

/** When to strike: once in each of `count` equal parts of the run, but for its first and last twentieth. */
export function faultPoints(count: number, length: number, random: SeededRandom): number[] {
  const part = (length * 0.9) / count;
  return Array.from({ length: count }, (_, index) =>
    Math.floor(length * 0.05 + part * (index + random.next())),
  );
}
