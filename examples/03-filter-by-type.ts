// Readers name the types of event that they want; they are never called for the others.
import {
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
  whenIdle,
} from "nebulex-streams";

// Room for two pages: the one that was used least recently goes when a third comes.
const pages = defineCache<string, string>({
  name: "pages",
  adapter: localAdapter({ maxEntries: 2 }),
});

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    pages,
    streamServer({ cache: pages, include: ["previous"] }),
    handlerPool({
      cache: pages,
      events: ["evicted", "expired"],
      handler: ({ type, target, previous }) => console.log("pool:", type, target, previous),
    }),
  ],
});

// A function may read as well. It is called until it is unsubscribed.
const subscription = pages.subscribe(({ type, target }) => console.log("callback:", type, target), {
  events: ["deleted"],
});
console.log(subscription.topics);

pages.put("/home", "<h1>Home</h1>");
pages.put("/about", "<h1>About</h1>");
pages.get("/home");
pages.put("/news", "<h1>News</h1>"); // "/about" makes room
await whenIdle(pages);

pages.delete("/home");
await whenIdle(pages);

subscription.unsubscribe();
pages.delete("/news"); // nobody is interested
await tree.stop();

// => [ 'pages:deleted' ]
// => pool: evicted { kind: 'key', key: '/about' } <h1>About</h1>
// => callback: deleted { kind: 'key', key: '/home' }
