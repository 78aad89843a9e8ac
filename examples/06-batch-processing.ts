// Events in batches, e.g. to write many rows to a database at once.
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";

const clicks = defineCache<string, number>({ name: "clicks" });

async function writeRows(rows: readonly string[]): Promise<void> {
  await Promise.resolve();
  console.log(`${rows.length} rows:`, rows.join(" "));
}

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    clicks,
    streamServer({ cache: clicks, include: ["value"] }),
    handlerPool({
      cache: clicks,
      handler: {
        maxSize: 3,
        maxWait: 20, // milliseconds that the first of a batch waits for others
        // An event counts as handled when its batch is. If this rejects, the batch is tried again.
        handle: (events) =>
          writeRows(
            events.flatMap(({ target, value }) =>
              target.kind === "key" ? [`${target.key}=${value}`] : [],
            ),
          ),
      },
      maxAttempts: 5,
    }),
  ],
});

for (const page of ["/", "/a", "/b", "/", "/a", "/", "/c"]) clicks.increment(page);

await whenIdle(clicks); // waits for the unfinished batch, too
await tree.stop();

// => 3 rows: /=1 /a=1 /b=1
// => 3 rows: /=2 /a=2 /=3
// => 1 rows: /c=1
