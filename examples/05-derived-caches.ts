// Keeps a second cache in step with the first: the residents of each city, from the users.
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";

interface User {
  readonly name: string;
  readonly city: string;
}

const users = defineCache<string, User>({ name: "users" });
const residents = defineCache<string, ReadonlySet<string>>({ name: "residents" });

/** Adding and removing can be done twice without harm, as an event may come twice after a kill. */
function move(id: string, from: User | undefined, to: User | undefined): void {
  if (from !== undefined) {
    const left = new Set(residents.get(from.city));
    left.delete(id);
    if (left.size > 0) residents.put(from.city, left);
    else residents.delete(from.city);
  }
  if (to !== undefined)
    residents.update(to.city, new Set([id]), (others) => new Set(others).add(id));
}

function rebuild(): void {
  residents.deleteAll();
  for (const [id, user] of users.stream()) move(id, undefined, user);
}

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    users,
    residents,
    // One log, as all handlers would write to the same cities.
    streamServer({ cache: users, include: ["value", "previous"] }),
    handlerPool({
      cache: users,
      handler: {
        handle: (event) => {
          switch (event.target.kind) {
            case "key":
              return move(event.target.key, event.previous, event.value);
            case "keys":
              for (const id of event.target.keys)
                move(id, event.previousValues?.get(id), event.values?.get(id));
              return;
            case "query":
              return rebuild();
          }
        },
        // Some events can't be had any more: begin again from what is there.
        onGap: rebuild,
      },
    }),
  ],
});

async function show(): Promise<void> {
  await whenIdle(users);
  const cities = [...residents.getAll()].map(([city, ids]) => `${city}: ${[...ids].join(", ")}`);
  console.log(cities.join("; ") || "nobody");
}

users.putAll([
  ["u1", { name: "Ada", city: "London" }],
  ["u2", { name: "Sofia", city: "Stockholm" }],
  ["u3", { name: "Mary", city: "London" }],
]);
await show();

users.put("u1", { name: "Ada", city: "Stockholm" });
users.delete("u3");
await show();

users.deleteAll();
await show();

await tree.stop();

// => London: u1, u3; Stockholm: u2
// => Stockholm: u2, u1
// => nobody
