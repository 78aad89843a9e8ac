import { contest, each, nsToHandle } from "../contest.js";
import { putsAtATime } from "../load.js";
import { ours } from "../ours.js";
import { resultOf, type Scenario, scaled, us } from "../scenario.js";

const none = "no inspector";
const closed = "inspector, no page open";

/** (d) with a page of the inspector open, against the same without one, and without an inspector. */
export const inspected: Scenario = {
  id: "x",
  title: "put -> handlers while an inspector's page is open",
  about: "(d) in turns; the peers are the same tree without a page, and without an inspector",
  async run(settings) {
    const { entries } = settings;
    const partitions = 4;
    const contestants = [
      { peer: ours({ partitions, inspector: "open" }), as: us },
      { peer: ours({ partitions, inspector: "closed" }), as: closed },
      { peer: ours({ partitions }), as: none },
    ];
    const puts = scaled(100_000, settings);
    const load = { entries, readers: 1 };
    const timings = await contest(contestants, load, puts, settings, putsAtATime);
    return [resultOf("x", "4 partitions, turns", "ns/event", "lower", each(timings, nsToHandle))];
  },
};
