// A full-text index that is kept in step with a cache, with MiniSearch.
//
//   npx tsx examples/recipes/search/main.ts
import { defineCache, startSupervisor, streamServer, whenIdle } from "nebulex-streams";
import { SearchIndex } from "./search-index.js";

interface Product {
  readonly name: string;
  readonly description: string;
}

const products = defineCache<string, Product>({ name: "products" });
const index = new SearchIndex(products, ["name", "description"]);

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [products, streamServer({ cache: products, include: ["value"] }), index],
});

async function show(query: string): Promise<void> {
  await whenIdle(products); // only here, to print what has just been written
  const found = index.search(query).map(([id, { name }]) => `${id} ${name}`);
  console.log(`${query}: ${found.join(", ") || "nothing"}`);
}

products.putAll([
  ["p1", { name: "Green tea", description: "from Japan" }],
  ["p2", { name: "Teapot", description: "made of cast iron" }],
  ["p3", { name: "Mug", description: "for tea or coffee" }],
]);
await show("tea");

products.put("p1", { name: "Coffee", description: "from Kenya" });
products.delete("p2");
await show("tea");
await show("cofee");

products.deleteAll();
await show("tea");

await tree.stop();

// => tea: p3 Mug, p1 Green tea, p2 Teapot
// => tea: p3 Mug
// => cofee: p1 Coffee, p3 Mug
// => tea: nothing
