import { paths } from "../inspector/protocol.js";
import { type Snapshot, timelineKinds } from "../inspector/snapshot.js";
import { applyUpdate, tableNames, type Update } from "../inspector/update.js";

const page = document.getElementById("page") as HTMLElement;
const events = new EventSource(paths.events);
let snapshot: Snapshot | undefined;

events.addEventListener("snapshot", ({ data }: MessageEvent<string>) => {
  snapshot = JSON.parse(data) as Snapshot;
  show(snapshot);
});
events.addEventListener("update", ({ data }: MessageEvent<string>) => {
  if (snapshot === undefined) return;
  snapshot = applyUpdate(snapshot, JSON.parse(data) as Update);
  show(snapshot);
});

function show(now: Snapshot): void {
  const counts = tableNames.map((name) => `${name}: ${now[name].length}`);
  const kinds = timelineKinds.map(
    (kind) => `${kind}: ${now.timeline.filter((entry) => entry.kind === kind).length}`,
  );
  page.textContent = [now.about.title, ...counts, ...kinds].join("\n");
}
