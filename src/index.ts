// Caches
export { defineCache, type CacheOptions } from "./cache/define-cache.js";
export { localAdapter, type LocalAdapterOptions } from "./cache/adapters/local-adapter.js";
export { nilAdapter } from "./cache/adapters/nil-adapter.js";
export {
  storeAdapter,
  type StoreAdapterOptions,
  type StoreName,
} from "./cache/adapters/store-adapter.js";
export type { StoreFunctions } from "./cache/adapters/store-calls.js";
export type {
  Adapter,
  AdapterContext,
  AsyncAdapter,
  AsyncStore,
  FetchedOptions,
  FoundValue,
  Store,
  StoreQuery,
} from "./cache/adapter.js";
export type { ChangeSink, HashMemo } from "./cache/adapter.js";
export type {
  AnyCache,
  AsyncCache,
  Cache,
  CacheCounts,
  CacheInfo,
  CounterOptions,
  EventListener,
  FetchOptions,
  ListenerOptions,
  NearInfo,
  PutOptions,
  Query,
  StoreOptions,
  Ttl,
} from "./cache/types.js";

// Events
export {
  type CacheEntryEvent,
  type EventIncluding,
  type EventMetadata,
  type EventTarget,
  type EventType,
  type GapEvent,
  type GapReason,
  type Include,
  keysOf,
} from "./event/types.js";
export type { Cause } from "./event/event.js";

// PubSub
export { localPubSub, type LocalPubSubOptions } from "./pubsub/local.js";
export { createHub, type Hub, type HubMessage, type HubVerdict } from "./pubsub/hub.js";
export {
  createPubSub,
  type TransportContext,
  type TransportFactory,
} from "./pubsub/create-pubsub.js";
export type { PubSubStatus, Transport, TransportEvents } from "./pubsub/transport.js";
export type { PubSub, PubSubOptions, TopicSubscriber } from "./pubsub/types.js";
export { createJournal } from "./journal/create-journal.js";
export { createJournalHub, type JournalHub } from "./journal/journal-hub.js";
export { localJournal, type LocalJournalOptions } from "./journal/local-journal.js";
export type { Journal, JournalOptions, JournalStatus } from "./journal/types.js";
export type {
  AcquiredState,
  AppendResult,
  CommitResult,
  EngineProblem,
  GroupCommit,
  GroupName,
  GroupPartition,
  GroupState,
  GroupView,
  JournalContext,
  JournalEngine,
  JournalEngineEvents,
  JournalEngineFactory,
  KeptDeadLetter,
  KeptStream,
  Lease,
  NewDeadLetter,
  NewEntry,
  PartitionBounds,
  PartitionName,
  SeenNode,
  StoredEntry,
  StreamName,
  StreamNode,
  Tail,
  TailSink,
} from "./journal/engine.js";

// Streams
export { streamServer } from "./stream/stream-server.js";
export type { ResolvedStreamOptions, StreamServerOptions } from "./stream/stream-options.js";
export { hashReady } from "./event/key-hash.js";
export { defaultHash, type Hash, type KeyEvent } from "./stream/hash.js";
export {
  getStream,
  lookupStream,
  type GroupInfo,
  type NodeInfo,
  type StreamInfo,
  whenIdle,
} from "./stream/streams.js";
export type {
  DrainOptions,
  StreamMessage,
  SubscribeOptions,
  Subscriber,
  EventStream,
  Subscription,
} from "./cache/stream-port.js";

// Handlers
export { handlerPool, type HandlerPoolOptions } from "./handler/handler-pool.js";
export {
  type ThreadHandler,
  type ThreadHandlerContext,
  type ThreadHandlerFunction,
  workerPool,
  type WorkerPoolOptions,
} from "./handler/worker-pool.js";
export {
  batchHandler,
  type BatchHandlerOptions,
  type EventHandler,
  type HandlerContext,
  type HandlerFunction,
  type OnDeadLetter,
} from "./handler/event-handler.js";

// Cluster groups
export { clusterGroup, type ClusterGroup } from "./group/cluster-group.js";
export type { ClusterGroupStatus } from "./group/group-state.js";
export type { DeadLetter } from "./group/dead-letter.js";

// Invalidator
export { invalidator, type InvalidatorOptions } from "./invalidator/invalidator.js";
export type { EventScope } from "./invalidator/invalidation.js";

// Actors, registries, supervisors
export {
  actor,
  type ActorContext,
  type ActorOptions,
  type ActorRef,
  type ActorSystem,
  type AutoShutdown,
  type Behavior,
  type ChildCounts,
  type ChildInfo,
  type ChildLike,
  type ChildSpec,
  type ChildSpecHolder,
  type Clock,
  createRegistry,
  createSystem,
  type Down,
  dynamicSupervisor,
  type DynamicSupervisorOptions,
  type ExitReason,
  type Milliseconds,
  type Registry,
  type RegistryEntry,
  type ReplyTo,
  type RestartType,
  type Shutdown,
  spawn,
  type SpawnOptions,
  type StartContext,
  startSupervisor,
  type StartSupervisorOptions,
  type Strategy,
  supervisor,
  supervisorOf,
  type Supervisor,
  type SupervisorOptions,
  type SystemOptions,
  type TimerHandle,
} from "./actor.js";

// Telemetry
export { type Logger, type Logging, type LogMethod, logTo, type LogToOptions } from "./log-to.js";

// Errors
export {
  ActorExitError,
  CacheNotStartedError,
  FakeTimersError,
  FetchTimeoutError,
  FlightCycleError,
  GroupBusyError,
  HashNotReadyError,
  IdleTimeoutError,
  JournalError,
  type JournalFailure,
  KeyNotFoundError,
  ListenerExistsError,
  NebulexError,
  OptionError,
  PubSubError,
  type PubSubFailure,
  QueryTimeoutError,
  RegistryError,
  ShapeMismatchError,
  StreamNotFoundError,
  StoreUnavailableError,
  type StreamShape,
  SupervisorError,
  type SupervisorErrorReason,
  WorkerThreadError,
} from "./errors.js";
