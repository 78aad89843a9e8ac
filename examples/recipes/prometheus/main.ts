// Metrics for Prometheus, through the OpenTelemetry SDK.
//
//   npx tsx examples/recipes/prometheus/main.ts
//   curl http://127.0.0.1:9464/metrics
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { metrics } from "@opentelemetry/api";
import { PrometheusExporter } from "@opentelemetry/exporter-prometheus";
import { MeterProvider } from "@opentelemetry/sdk-metrics";
import { defineCache, handlerPool, startSupervisor, streamServer } from "nebulex-streams";

// Before the tree starts: it observes what starts behind it. Without a server of its own, the
// exporter can be a route of yours, as it is here.
const exporter = new PrometheusExporter({ preventServerStart: true, withoutScopeInfo: true });
const provider = new MeterProvider({ readers: [exporter] });
metrics.setGlobalMeterProvider(provider);

const sessions = defineCache<string, string>({ name: "sessions" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    sessions,
    streamServer({ cache: sessions, partitions: 2 }),
    handlerPool({ cache: sessions, handler: () => {} }),
  ],
});

const server = createServer((request, response) => {
  if (request.url === "/metrics") exporter.getMetricsRequestHandler(request, response);
  else response.writeHead(404).end();
});
server.listen(Number(process.env["PORT"] ?? 9464), "127.0.0.1");
await once(server, "listening");
console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);

// Something to count.
let written = 0;
const writer = setInterval(() => {
  sessions.put(`session-${written++ % 100}`, "token");
  sessions.get("session-0");
}, 10);

async function stop(): Promise<void> {
  clearInterval(writer);
  await tree.stop();
  server.close();
  server.closeIdleConnections();
  await provider.shutdown();
}

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());
