// Two nodes in one process, each with its own copy of what is true elsewhere: what one of them changes,
// the other forgets. With redisPubSub or natsPubSub in place of localPubSub they are two processes.
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  createHub,
  defineCache,
  invalidator,
  localPubSub,
  startSupervisor,
  streamServer,
} from "nebulex-streams";

const hub = createHub();

async function startNode(nodeName: string) {
  const users = defineCache<string, string>({ name: "users" });
  const pubsub = localPubSub({ nodeName, hub });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      pubsub,
      users,
      streamServer({ cache: users, pubsub }),
      invalidator({ cache: users }),
    ],
  });
  return { users, tree };
}

const london = await startNode("london");
const paris = await startNode("paris");

// What Paris hears: of its own changes, of those in London, and of what it misses.
const heard = paris.users.events({ gaps: true })[Symbol.asyncIterator]();
async function hear(count: number): Promise<void> {
  for (let left = count; left > 0; left--) {
    const { value: message, done } = await heard.next();
    if (done === true) return;
    if (message.type === "gap") {
      const { node, from, to, reason } = message;
      // A gap of its own: nobody knows what there was, nor from whom.
      if (node === "paris") console.log(`may have missed something (${reason})`);
      else console.log(`missed ${to - from + 1} of ${node} (${reason})`);
    } else {
      const { node, fill, invalidation } = message.metadata;
      const why = fill ? "fill" : invalidation ? "invalidation" : "change";
      console.log(message.type, message.target, "on", node, `(${why})`);
    }
  }
}

// A copy of what is true elsewhere is a fill: nobody forgets anything for it.
london.users.getOrStore("ada", () => "Ada Byron");
paris.users.getOrStore("ada", () => "Ada Byron");
await hear(2);
console.log("london", london.users.get("ada"), "| paris", paris.users.get("ada"));

// A change: the copy in Paris goes.
london.users.put("ada", "Ada Lovelace");
await hear(2);
console.log("london", london.users.get("ada"), "| paris", paris.users.get("ada"));

// Paris is cut off while London writes. When it is back it learns what it has missed, and forgets
// whatever that may have touched.
paris.users.getOrStore("ada", () => "Ada Lovelace");
await hear(1);
hub.disconnect("paris");
london.users.put("ada", "Countess of Lovelace");
for (let turns = 20; turns > 0; turns--) await nextTurn(); // By now the message is sent, and lost.
console.log("london", london.users.get("ada"), "| paris", paris.users.get("ada"));
hub.connect("paris");
await hear(3);
console.log("london", london.users.get("ada"), "| paris", paris.users.get("ada"));

await london.tree.stop();
await paris.tree.stop();

// => inserted { kind: 'key', key: 'ada' } on paris (fill)
// => inserted { kind: 'key', key: 'ada' } on london (fill)
// => london Ada Byron | paris Ada Byron
// => updated { kind: 'key', key: 'ada' } on london (change)
// => deleted { kind: 'key', key: 'ada' } on paris (invalidation)
// => london Ada Lovelace | paris undefined
// => inserted { kind: 'key', key: 'ada' } on paris (fill)
// => london Countess of Lovelace | paris Ada Lovelace
// => may have missed something (transport)
// => deleted { kind: 'query', query: null } on paris (invalidation)
// => missed 1 of london (transport)
// => london Countess of Lovelace | paris undefined
