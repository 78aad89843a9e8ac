/** A worker process: plays its share of the requests, and handles its share of all events. */
import { subscribe } from "node:diagnostics_channel";
import type { CacheEntryEvent } from "nebulex-streams";
import { answerCalls, callsTo } from "../../shared/calls.js";
import { InjectedCrash } from "../crash-plan.js";
import type { Key } from "../request.js";
import type { MainCalls, NodeCalls, Place, SeenEvent, WriteNumber } from "./messages.js";
import { SharedPlayer } from "./shared-player.js";
import { startSharedTree } from "./shared-tree.js";
import { watchTree } from "../watch-tree.js";

interface Settings extends Place {
  readonly index: number;
  readonly processes: number;
  readonly chaos: number;
}

const settings = JSON.parse(process.argv[2] ?? "") as Settings;
const main = callsTo<MainCalls>(process);
const restarts = watchTree();
let crashes = 0;
let seen: SeenEvent[] = [];

// What the main process is not told of any more is of no use.
process.once("disconnect", () => process.exit());
// Ctrl-C reaches all processes of a terminal; the main one decides.
process.on("SIGINT", () => {});
// Partitions change hands when the others start and stop.
subscribe("nebulex.journal.owner_change", () => {});

const { cache, tree } = await startSharedTree(settings, `node-${settings.index}`, {
  handler: {
    handle(event) {
      if (crashes > 0) {
        crashes -= 1;
        throw new InjectedCrash("crashed on purpose");
      }
      tell(seenOf(event));
    },
    onGap: ({ partition, from, to, reason }) => void main("gap", { partition, from, to, reason }),
  },
  // Enough for every crash to hit the same event of the same handler.
  maxAttempts: settings.chaos + 1,
  maxRestarts: settings.chaos,
});
const player = new SharedPlayer(cache, settings.index, settings.processes);

const own: NodeCalls = {
  play: (requests) => player.play(requests),
  crash: () => {
    crashes += 1;
  },
  faults: () => ({ crashesLeft: crashes, restarts: restarts.count }),
  stop: () => tree.stop(),
};
answerCalls(process, own);
await main("ready");
// The tree has ended by itself: the main process sees that this one has.
void tree.exited.then((reason) => {
  if (reason !== "shutdown") process.exit(1);
});

/** Events of one turn go together. */
function tell(event: SeenEvent): void {
  if (seen.push(event) > 1) return;
  setImmediate(() => {
    const events = seen;
    seen = [];
    void main("handled", events).catch(() => {});
  });
}

function seenOf({
  type,
  target,
  value,
  previous,
  metadata,
}: CacheEntryEvent<Key, WriteNumber>): SeenEvent {
  if (target.kind !== "key") throw new TypeError(`expected one key, got ${target.kind}`);
  const { partition, position } = metadata;
  if (partition === null || position === null) throw new TypeError("expected a position, got none");
  return {
    partition,
    position,
    type,
    key: target.key,
    ...(value === undefined ? {} : { value }),
    ...(previous === undefined ? {} : { previous }),
  };
}
