// A screen that shows prices need not see each of them, only the newest of each: where it can't keep up,
// `overflow: "coalesce"` leaves out what is out of date. No price is wrong in the end.
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";

const prices = defineCache<string, number>({ name: "prices" });
const screen = new Map<string, number>();
let drawn = 0;

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    prices,
    // Of what it has not drawn, at most about so many events are kept one by one.
    streamServer({ cache: prices, include: ["value"], capacity: 100 }),
    handlerPool({
      cache: prices,
      overflow: "coalesce",
      handler: ({ target, value }) => {
        if (target.kind !== "key") return;
        drawn++;
        if (value === undefined) screen.delete(target.key);
        else screen.set(target.key, value);
      },
    }),
  ],
});

for (let tick = 1; tick <= 10_000; tick++) {
  prices.put("gold", tick);
  prices.put("silver", tick / 100);
  if (tick === 1) prices.put("lead", 7);
}
prices.delete("lead");

await whenIdle(prices);
console.log(drawn < 1000 ? "drew a few of 20,002 changes" : `drew ${drawn}`);
console.log([...screen].sort((a, b) => (a < b ? -1 : 1)));
await tree.stop();

// => drew a few of 20,002 changes
// => [ [ 'gold', 10000 ], [ 'silver', 100 ] ]
