import type { NatsSession } from "../pubsub/nats-session.js";
import { asJetStreamFailure } from "./jetstream-client.js";
import type { JetStreamSession } from "./jetstream-session.js";
import type { NatsBucket } from "./nats-bucket.js";
import type { NatsNames } from "./nats-names.js";

/** A key that never has a value. */
const key = "check";
const nothing = new Uint8Array(0);

/**
 * Tries each right that a journal needs, so that a missing one shows at the start, and not when an
 * event is to be stored. Nothing is changed.
 *
 * @throws (as a rejection) RefusedError
 * @internal
 */
export async function checkRights(
  session: JetStreamSession,
  link: NatsSession,
  names: NatsNames,
): Promise<void> {
  const { state, deadLetters } = session;
  try {
    await Promise.all([
      link.publishOn(names.check, nothing),
      link.publishOn(`$JS.API.CONSUMER.MSG.NEXT.KV_${names.stateBucket}.${key}`, nothing),
      ...[state, deadLetters].map((bucket) => checkBucket(bucket)),
      watched(state),
    ]);
  } catch (error) {
    throw asJetStreamFailure(error);
  }
}

async function checkBucket(bucket: NatsBucket): Promise<void> {
  // No key has that revision.
  await bucket.replace(key, nothing, Number.MAX_SAFE_INTEGER);
  await bucket.get(key);
  await bucket.remove(key, 1);
}

/** A consumer is created and deleted. */
async function watched(bucket: NatsBucket): Promise<void> {
  const stop = await bucket.watch(
    key,
    () => {},
    () => {},
  );
  stop();
}
