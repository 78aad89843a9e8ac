// Supervisors and actors on their own: an application that has nothing to do with caches. Who is
// started before whom, and restarted with whom, is written down in one place.
import { EventEmitter, once } from "node:events";
import { actor, startSupervisor, supervisor } from "nebulex-streams/actor";
import type { ActorRef, ReplyTo } from "nebulex-streams/actor";

type LedgerMessage =
  { type: "add"; amount: number } | { type: "total"; replyTo: ReplyTo<number> } | { type: "crash" };

/** Keeps a sum. Others find it by its name, as each incarnation has a ref of its own. */
const ledger = actor<number, LedgerMessage>({
  id: "ledger",
  init: (ctx) => {
    ctx.register("ledger");
    console.log("ledger starts");
    return 0;
  },
  receive: (sum, message) => {
    switch (message.type) {
      case "add":
        return sum + message.amount;
      case "total":
        message.replyTo.dispatch(sum);
        return sum;
      case "crash":
        throw new Error("the books don't balance");
    }
  },
  terminate: (reason) => console.log("ledger ends:", String(reason)),
});

const doors = new EventEmitter();

/** Has no use without the ledger. */
const till = actor({
  id: "till",
  init: () => {
    console.log("till starts");
    doors.emit("open");
  },
  receive: () => undefined,
  terminate: (reason) => console.log("till ends:", String(reason)),
});

/** Has nothing to do with either. */
const radio = actor({
  id: "radio",
  init: () => console.log("radio starts"),
  receive: () => undefined,
  terminate: (reason) => console.log("radio ends:", String(reason)),
});

const tree = await startSupervisor({
  strategy: "one_for_one",
  children: [radio, supervisor({ id: "shop", strategy: "rest_for_one", children: [ledger, till] })],
});

function currentLedger(): ActorRef<LedgerMessage> {
  const [entry] = tree.system.registry.lookup("ledger");
  if (entry === undefined) throw new Error("there is no ledger");
  return entry.ref;
}

const first = currentLedger();
first.dispatch({ type: "add", amount: 40 });
first.dispatch({ type: "add", amount: 2 });
console.log("total:", await first.query((replyTo) => ({ type: "total", replyTo }), 1000));

// The ledger is restarted, and what comes after it in the shop; the radio plays on.
const open = once(doors, "open");
first.dispatch({ type: "crash" });
await open;
const second = currentLedger();
console.log("the first lives:", first.alive, "the second:", second.alive);
console.log("total:", await second.query((replyTo) => ({ type: "total", replyTo }), 1000));

await tree.stop();

// => radio starts
// => ledger starts
// => till starts
// => total: 42
// => ledger ends: Error: the books don't balance
// => till ends: shutdown
// => ledger starts
// => till starts
// => the first lives: false the second: true
// => total: 0
// => till ends: shutdown
// => ledger ends: shutdown
// => radio ends: shutdown
