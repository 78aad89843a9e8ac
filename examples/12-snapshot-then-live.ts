// First what the cache holds, then every change from that very point on: nothing missing, nothing
// twice, however much is written meanwhile.
import { defineCache, startSupervisor, streamServer } from "nebulex-streams";

const scores = defineCache<string, number>({ name: "scores" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [scores, streamServer({ cache: scores, include: ["value"] })],
});

scores.put("ada", 3);
scores.put("ben", 1);

const board = new Map<string, number>();
const events = scores.events({ snapshot: true });
scores.increment("ben", 4);
scores.delete("ada");
scores.put("cleo", 9);

for await (const { type, target, value, metadata } of events) {
  if (target.kind !== "key") continue;
  console.log(metadata.snapshot === true ? "snapshot" : "live", type, target.key, value);
  if (value === undefined) board.delete(target.key);
  else board.set(target.key, value);
  if (target.key === "cleo") break;
}
console.log(board);

await tree.stop();

// => snapshot inserted ada 3
// => snapshot inserted ben 1
// => live updated ben 5
// => live deleted ada undefined
// => live inserted cleo 9
// => Map(2) { 'ben' => 5, 'cleo' => 9 }
