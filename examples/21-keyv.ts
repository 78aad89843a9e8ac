// A cache whose entries are in a Keyv, here over a Map: any of its stores will do. Its changes are events, and a value whose source
// is slow is answered after its TTL, while it is refreshed.
import { setTimeout as wait } from "node:timers/promises";
import { Keyv } from "keyv";
import { defineCache, startSupervisor, streamServer, whenIdle } from "nebulex-streams";
import { keyvAdapter } from "nebulex-streams/keyv";

const keyv = new Keyv({ namespace: "prices", throwOnErrors: true });
const prices = defineCache<string, number>({ name: "prices", adapter: keyvAdapter(keyv) });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [prices, streamServer({ cache: prices, include: ["value", "previous"] })],
});
const seen: string[] = [];
prices.subscribe(({ type, target, value, previous }) => {
  if (target.kind === "key") seen.push(`${type} ${target.key}: ${previous} -> ${value}`);
});

// Commands return promises.
await prices.put("tea", 3);
await prices.increment("tea");
console.log("the Keyv has", await keyv.get("tea"));

// The first price is good for 50 ms; after that it is better than none for a minute.
let asked = 0;
const askTheShop = async (): Promise<number> => {
  await wait(20);
  return ++asked * 10;
};
const priceOfCoffee = (): Promise<number> =>
  prices.fetchOrStore("coffee", askTheShop, {
    ttl: (price) => (price === 10 ? 50 : 60_000),
    staleFor: 60_000,
  });

console.log("coffee costs", await priceOfCoffee());
await wait(60);
console.log("get gives", await prices.get("coffee"));
console.log("coffee costs", await priceOfCoffee(), "still");
while ((await prices.get("coffee")) === undefined) await wait(5);
console.log("coffee costs", await priceOfCoffee());

await whenIdle(prices);
for (const line of seen) console.log(line);
await tree.stop();

// => the Keyv has 4
// => coffee costs 10
// => get gives undefined
// => coffee costs 10 still
// => coffee costs 20
// => inserted tea: undefined -> 3
// => updated tea: 3 -> 4
// => inserted coffee: undefined -> 10
// => expired coffee: 10 -> undefined
// => inserted coffee: undefined -> 20
