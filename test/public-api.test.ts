import { expect, test } from "@jest/globals";
import * as main from "nebulex-streams";
import * as actor from "nebulex-streams/actor";
import * as inspector from "nebulex-streams/inspector";
import * as keyv from "nebulex-streams/keyv";
import * as nats from "nebulex-streams/nats";
import * as redis from "nebulex-streams/redis";
import * as testing from "nebulex-streams/testing";

const actorNames = [
  "ActorExitError",
  "FakeTimersError",
  "NebulexError",
  "OptionError",
  "QueryTimeoutError",
  "RegistryError",
  "SupervisorError",
  "actor",
  "createRegistry",
  "createSystem",
  "dynamicSupervisor",
  "spawn",
  "startSupervisor",
  "supervisor",
  "supervisorOf",
];

const mainNames = [
  ...actorNames,
  "CacheNotStartedError",
  "FetchTimeoutError",
  "FlightCycleError",
  "GroupBusyError",
  "HashNotReadyError",
  "IdleTimeoutError",
  "JournalError",
  "KeyNotFoundError",
  "ListenerExistsError",
  "PubSubError",
  "ShapeMismatchError",
  "StoreUnavailableError",
  "StreamNotFoundError",
  "WorkerThreadError",
  "batchHandler",
  "clusterGroup",
  "createHub",
  "createJournalHub",
  "createJournal",
  "createPubSub",
  "defaultHash",
  "defineCache",
  "getStream",
  "handlerPool",
  "hashReady",
  "invalidator",
  "keysOf",
  "localAdapter",
  "localJournal",
  "localPubSub",
  "logTo",
  "lookupStream",
  "nilAdapter",
  "storeAdapter",
  "streamServer",
  "whenIdle",
  "workerPool",
];

const testingNames = [
  "InjectedFaultError",
  "SeededRandom",
  "SimulatedClock",
  "WaitTimeoutError",
  "actorsOf",
  "chaos",
  "crash",
  "failCommand",
  "failStart",
  "faultyAdapter",
  "hang",
  "injectFaults",
  "journalConformance",
  "kill",
  "pubSubConformance",
  "recordTree",
  "refuseRegistration",
  "slowDown",
  "storeConformance",
  "waitFor",
];

test.each([
  { entry: "nebulex-streams", exports: main, names: mainNames },
  { entry: "nebulex-streams/actor", exports: actor, names: actorNames },
  {
    entry: "nebulex-streams/inspector",
    exports: inspector,
    names: ["inspector", "inspectorAddress"],
  },
  { entry: "nebulex-streams/keyv", exports: keyv, names: ["keyvAdapter"] },
  { entry: "nebulex-streams/nats", exports: nats, names: ["natsJournal", "natsPubSub"] },
  {
    entry: "nebulex-streams/redis",
    exports: redis,
    names: ["redisAdapter", "redisJournal", "redisPubSub"],
  },
  { entry: "nebulex-streams/testing", exports: testing, names: testingNames },
])("$entry exports exactly the names of the list", ({ exports, names }) => {
  expect(Object.keys(exports).sort()).toEqual([...names].sort());
});
