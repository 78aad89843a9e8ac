// The events as an async iterable, for code that would rather ask than be called.
import { defineCache, startSupervisor, streamServer } from "nebulex-streams";

const jobs = defineCache<string, "queued" | "running" | "done">({ name: "jobs" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [jobs, streamServer({ cache: jobs, include: ["value"] })],
});

// Reads from this call on; what is written before the loop begins is not missed.
const events = jobs.events({ events: ["inserted", "updated"] });
jobs.put("backup", "queued");
jobs.put("backup", "running");
jobs.put("backup", "done");
for await (const { type, value } of events) {
  console.log(type, value);
  if (value === "done") break; // unsubscribes
}

// Or until a signal says so: the loop ends quietly.
const enough = new AbortController();
jobs.put("report", "queued");
setImmediate(() => jobs.put("report", "running"));
for await (const { target, value } of jobs.events({ signal: enough.signal })) {
  console.log(target, value);
  enough.abort();
}

await tree.stop();

// => inserted queued
// => updated running
// => updated done
// => { kind: 'key', key: 'report' } running
