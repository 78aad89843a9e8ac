// Serves the built page over an invented system, for work on the page:
//   npx tsx test/inspector/serve-fake.ts --port 4041 --children 2000 --token 0123456789abcdef --actions
import { setInterval } from "node:timers";
import { parseArgs } from "node:util";
import { findPage, readAssets } from "../../src/inspector/assets.js";
import { InspectorServer } from "../../src/inspector/server.js";
import { FakeSource } from "./fake-source.js";

const { values: given } = parseArgs({
  options: {
    port: { type: "string", default: "4041" },
    children: { type: "string", default: "40" },
    partitions: { type: "string", default: "8" },
    token: { type: "string" },
    actions: { type: "boolean", default: false },
    values: { type: "boolean", default: false },
    cluster: { type: "boolean", default: false },
  },
});
const page = findPage();
if (page === undefined) throw new Error("the page is not built: npm run build:page");
const source = new FakeSource(Date.now, {
  children: Number(given.children),
  partitions: Number(given.partitions),
  kind: given.cluster ? "cluster" : "process",
});
const server = new InspectorServer(source, {
  port: Number(given.port),
  host: "127.0.0.1",
  hosts: [],
  token: given.token,
  actions: given.actions,
  values: given.values,
  assets: readAssets(page),
  acted: ({ action, who, done }) =>
    source.timeline.add(() => ({
      kind: "action",
      level: "info",
      text: `${who}: ${action.name}: ${done?.text ?? "failed"}`,
      subject: "",
      details: [["who", who]],
      error: null,
    })),
});
console.log((await server.listen()).url);
setInterval(() => source.step(0.25), 250);
