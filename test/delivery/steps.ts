import fc from "../helpers/fast-check.js";
import { anyCommand } from "./commands.js";
import { turns, type World } from "./world.js";

/** A reader whose incarnations can be ended. */
export interface Strikable {
  strike(partition: number, how: "kill" | "crash"): void;
}

const how = fc.constantFrom("kill" as const, "crash" as const);
/** Something that happens to a world. */
export const anyStep = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant("write" as const), command: anyCommand }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("yield" as const),
      turns: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("strike" as const),
      how,
      reader: fc.nat(2),
      partition: fc.nat(7),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("end stream" as const), how }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("end cache" as const), how }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("replace stream" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      ms: fc.integer({ min: 1, max: 2_000 }),
    }),
  },
);

export type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** Has it happen. `readers` are those that can be struck. */
export async function take(world: World, readers: readonly Strikable[], todo: Step): Promise<void> {
  switch (todo.do) {
    case "write":
      world.writer.run(todo.command);
      break;
    case "yield":
      await turns(todo.turns);
      break;
    case "strike":
      readers[todo.reader % readers.length]?.strike(todo.partition, todo.how);
      break;
    case "end stream":
      await world.end("stream", todo.how);
      break;
    case "end cache":
      await world.end("cache", todo.how);
      break;
    case "replace stream":
      await world.replaceStream();
      break;
    case "wait":
      await world.clock.advance(todo.ms);
  }
}
