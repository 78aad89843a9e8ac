// Actors and systems
export { createSystem, type SystemOptions } from "./actor/system.js";
export { spawn } from "./actor/spawn.js";
export type { ActorContext, ActorSystem, Behavior, SpawnOptions } from "./actor/types.js";
export type { ActorRef, Down, ReplyTo } from "./actor/ref.js";
export type { ExitReason } from "./actor/exit.js";
export type { StartContext } from "./actor/start-context.js";

// Registries
export { createRegistry, type Registry, type RegistryEntry } from "./actor/registry.js";

// Time
export type { Clock, TimerHandle } from "./clock.js";
export type { Milliseconds } from "./options.js";

// Errors
export {
  ActorExitError,
  FakeTimersError,
  NebulexError,
  OptionError,
  QueryTimeoutError,
  RegistryError,
  SupervisorError,
  type SupervisorErrorReason,
} from "./errors.js";

// Supervisors
export {
  actor,
  type ActorOptions,
  dynamicSupervisor,
  type DynamicSupervisorOptions,
  supervisor,
  type SupervisorOptions,
} from "./supervisor/specs.js";
export type {
  ChildLike,
  ChildSpec,
  ChildSpecHolder,
  RestartType,
  Shutdown,
} from "./supervisor/child-spec.js";
export { type Supervisor, supervisorOf } from "./supervisor/handle.js";
export { startSupervisor, type StartSupervisorOptions } from "./supervisor/start-supervisor.js";
export type { AutoShutdown, Strategy } from "./supervisor/strategy.js";
export type { ChildCounts, ChildInfo } from "./supervisor/supervision.js";
