// Time
export { SimulatedClock } from "./testing/simulated-clock.js";

// Faults
export {
  crash,
  type CrashOptions,
  failStart,
  type FailStartOptions,
  hang,
  type HangOptions,
  kill,
  type MessageFaultOptions,
  slowDown,
  type SlowDownOptions,
} from "./testing/actor-faults.js";
export {
  refuseRegistration,
  type RefuseRegistrationOptions,
} from "./testing/registration-fault.js";
export {
  type CommandName,
  failCommand,
  type FailCommandOptions,
  faultyAdapter,
} from "./testing/faulty-adapter.js";
export type { Fault, FaultKind, FaultOptions, InjectedFault } from "./testing/fault.js";
export type { TriggerOptions } from "./testing/trigger.js";

// Injecting them
export {
  type FaultInjection,
  type FaultOutcome,
  type FaultReport,
  injectFaults,
  type InjectFaultsOptions,
} from "./testing/injection.js";
export { chaos, type ChaosOptions, type ChaosReport, type TreeCounts } from "./testing/chaos.js";
export { SeededRandom } from "./testing/random.js";

// Looking at what happens
export { type ActorSelector, actorsOf } from "./testing/actors.js";
export {
  recordTree,
  type RecordTreeOptions,
  type TreeEvent,
  type TreeRecorder,
} from "./testing/recorder.js";
export { waitFor, type WaitForOptions } from "./testing/wait-for.js";

// Conformance
export {
  journalConformance,
  type JournalConformanceOptions,
} from "./testing/journal-conformance.js";
export {
  type ConformanceCase,
  pubSubConformance,
  type PubSubConformanceOptions,
} from "./testing/pubsub-conformance.js";
export {
  type ConformanceStore,
  storeConformance,
  type StoreConformanceOptions,
} from "./testing/store-conformance.js";

// Errors
export { InjectedFaultError, WaitTimeoutError } from "./errors.js";
