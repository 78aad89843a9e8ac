// What happens can be watched from outside: on Node's diagnostics channels, at once, and as
// OpenTelemetry metrics, when they are collected.
import { subscribe } from "node:diagnostics_channel";
import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";

// Metrics go to the provider that is registered when a stream starts. Yours has an exporter that
// sends them somewhere.
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
metrics.setGlobalMeterProvider(provider);

// Channels cost nothing while nobody listens.
for (const name of ["listener_registered", "handler_error", "listener_unregistered"])
  subscribe(`nebulex.streams.${name}`, () => console.log(name));
subscribe("nebulex.supervisor.restart", () => console.log("restart"));

const flags = defineCache<string, boolean>({ name: "flags" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    flags,
    streamServer({ cache: flags }),
    handlerPool({
      cache: flags,
      handler: ({ type }, { attempt }) => {
        if (type === "deleted" && attempt === 1) throw new Error("out of order");
      },
      maxAttempts: 2,
    }),
  ],
});

flags.put("dark-mode", true);
flags.put("beta", true);
flags.put("beta", false);
flags.delete("beta");
await whenIdle(flags);

await provider.forceFlush();
const chosen = ["nebulex.streams.events", "nebulex.streams.handled", "nebulex.supervisor.restarts"];
for (const { descriptor, dataPoints } of exporter
  .getMetrics()
  .flatMap(({ scopeMetrics }) => scopeMetrics)
  .flatMap((scope) => scope.metrics)) {
  if (!chosen.includes(descriptor.name)) continue;
  for (const { attributes, value } of dataPoints)
    if (value !== 0) console.log(descriptor.name, Object.values(attributes).join(" "), value);
}

await provider.shutdown();
await tree.stop();

// => listener_registered
// => handler_error
// => restart
// => nebulex.streams.events flags flags inserted 2
// => nebulex.streams.events flags flags updated 1
// => nebulex.streams.events flags flags deleted 1
// => nebulex.streams.handled flags flags flags:handlers 4
// => nebulex.supervisor.restarts /system/supervisor/flags:handlers flags:handlers:0 1
// => listener_unregistered
