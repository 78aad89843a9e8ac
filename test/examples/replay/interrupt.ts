/**
 * Preloaded into a replay by the test of interrupts: sends the process a SIGINT once the stream runs, and
 * reports when the stream has been stopped in order.
 */
import { subscribe } from "node:diagnostics_channel";

subscribe("nebulex.streams.listener_registered", () => {
  setImmediate(() => process.kill(process.pid, "SIGINT"));
});
subscribe("nebulex.streams.listener_unregistered", () => {
  process.stderr.write("listener unregistered\n");
});
