import { SimulatedClock } from "nebulex-streams/testing";
import { rest } from "../helpers/actors.js";
import { type Node, type NodeOptions, Nodes } from "./nodes.js";

export const heartbeat = 3000;
/** A sign of life is sent, and taken, every third of a heartbeat. */
export const beat = heartbeat / 3;

/** Nodes with one clock, which the test advances. */
export class Timed extends Nodes {
  readonly clock = new SimulatedClock();

  startTimed(name: string, options: NodeOptions = {}): Promise<Node> {
    return this.start(name, { clock: this.clock, heartbeat, ...options });
  }

  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= beat) {
      await this.clock.advance(Math.min(beat, left));
      await rest(20);
    }
  }
}
