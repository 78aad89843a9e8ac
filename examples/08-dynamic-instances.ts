// One definition, many instances: each tenant has a cache, a stream and handlers of its own, which
// come and go while the program runs.
import {
  defineCache,
  handlerPool,
  lookupStream,
  startSupervisor,
  streamServer,
  supervisor,
} from "nebulex-streams";
import type { ChildSpec } from "nebulex-streams";

const sessions = defineCache<string, string>({ name: "sessions" });

function tenant(name: string): ChildSpec {
  const cache = sessions.instance(name);
  return supervisor({
    id: name,
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache }),
      handlerPool({
        cache,
        handler: (event) => console.log(`${event.name}:`, event.type, event.target),
      }),
    ],
  });
}

const tree = await startSupervisor({ strategy: "one_for_one", children: [] });
await tree.startChild(tenant("acme"));
await tree.startChild(tenant("umbrella"));

// An instance is found by its name wherever the definition is at hand.
sessions.instance("acme").put("s1", "Ada");
sessions.instance("umbrella").put("s1", "Albert");
console.log(sessions.instance("acme").get("s1"), sessions.instance("umbrella").get("s1"));

// Its handlers finish what has been written before its cache goes.
await tree.terminateChild("acme");
await tree.deleteChild("acme");
console.log("acme's stream:", lookupStream(sessions, "acme"));
console.log("umbrella's stream:", lookupStream(sessions, "umbrella")?.name);

await tree.stop();

// => Ada Albert
// => acme: inserted { kind: 'key', key: 's1' }
// => umbrella: inserted { kind: 'key', key: 's1' }
// => acme's stream: undefined
// => umbrella's stream: umbrella
