// Work that is busy with the processor goes to worker threads: the partitions are spread over them, each
// in order. A thread that dies is replaced, and only the event that it died of counts as attempted.
import { BroadcastChannel } from "node:worker_threads";
import { defineCache, startSupervisor, streamServer, whenIdle, workerPool } from "nebulex-streams";

const limits = defineCache<string, number>({ name: "limits" });
const results: string[] = [];
const channel = new BroadcastChannel("primes");
const all = new Promise<void>((resolve) => {
  channel.onmessage = ({ data }: { data: string }) => void (results.push(data) === 4 && resolve());
});

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    limits,
    streamServer({ cache: limits, partitions: 4, include: ["value"] }),
    workerPool({
      cache: limits,
      module: new URL("./worker-threads/largest-primes.ts", import.meta.url),
      workers: 2,
      onDeadLetter: ({ value }, error) => console.log(`${value}: ${(error as Error).name}`),
    }),
  ],
});

limits.put("a", 1_000_000_000);
limits.put("b", -1); // Its handler ends the thread.
limits.put("c", 2_000_000_000);
limits.put("d", 1000);
limits.put("e", 100);

await whenIdle(limits);
await all;
console.log(results.sort().join("\n"));
channel.close();
await tree.stop();

// => -1: WorkerThreadError
// => a: largest prime below 1000000000 is 999999937
// => c: largest prime below 2000000000 is 1999999973
// => d: largest prime below 1000 is 997
// => e: largest prime below 100 is 97
