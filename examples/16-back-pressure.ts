// Whoever writes much can wait until the readers have caught up, and so keep within what the stream
// holds: nothing is lost, and memory stays small.
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";

const rows = defineCache<number, string>({ name: "rows" });
let handled = 0;
let missed = 0;

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    rows,
    streamServer({ cache: rows, capacity: 1000 }),
    handlerPool({
      cache: rows,
      concurrency: 10,
      handler: {
        handle: async () => {
          await new Promise(setImmediate);
          handled++;
        },
        onGap: ({ from, to }) => {
          missed += to - from + 1;
        },
      },
    }),
  ],
});

async function load(count: number, wait: () => Promise<void>): Promise<void> {
  handled = missed = 0;
  for (let row = 1; row <= count; row++) {
    rows.put(row, `row ${row}`);
    if (row % 100 === 0) await wait();
  }
  await whenIdle(rows);
  console.log({ handled, missed });
}

await load(10_000, () => Promise.resolve());
await load(10_000, () => rows.whenDrained({ below: 500 }));

await tree.stop();

// => { handled: 1000, missed: 9000 }
// => { handled: 10000, missed: 0 }
