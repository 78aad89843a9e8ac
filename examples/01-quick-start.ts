// The five steps: a cache, its stream, an actor that handles the events, the tree that keeps them
// running, and the events seen.
import { actor, defineCache, startSupervisor, streamServer, whenIdle } from "nebulex-streams";
import type { CacheEntryEvent } from "nebulex-streams";

interface User {
  readonly name: string;
  readonly age: number;
}

// 1. A cache. Defining it starts nothing.
const users = defineCache<string, User>({ name: "users" });

// 2. The stream of its events. They carry no values unless they are asked for.
const stream = streamServer({ cache: users, include: ["value"] });

// 3. An actor that handles them. It subscribes when it starts, and so again after every restart.
const handler = actor<void, CacheEntryEvent<string, User>>({
  id: "user-events",
  init: (ctx) => {
    users.subscribe(ctx.self);
  },
  receive: (_state, event) => {
    console.log(event.type, event.target, event.value);
  },
});

// 4. The tree. Each child stands on those above it: if one crashes, those below start again too.
const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [users, stream, handler],
});

// 5. Write to the cache, and see the events.
users.put("alice", { name: "Alice", age: 30 });
users.update("alice", { name: "Alice", age: 0 }, (user) => ({ ...user, age: user.age + 1 }));
users.delete("alice");
users.delete("alice"); // nothing changed: no event

await whenIdle(users);
await tree.stop();

// => inserted { kind: 'key', key: 'alice' } { name: 'Alice', age: 30 }
// => updated { kind: 'key', key: 'alice' } { name: 'Alice', age: 31 }
// => deleted { kind: 'key', key: 'alice' } undefined
