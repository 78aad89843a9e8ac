import { randomBytes } from "node:crypto";
import type { FetchedOptions } from "../cache/adapter.js";
import { type Clock, sleep } from "../clock.js";
import { StoreUnavailableError } from "../errors.js";
import type { Cause } from "../event/event.js";
import type { Milliseconds } from "../options.js";
import { claims, claimScript, giveUpScript, landScript } from "./redis-flight-scripts.js";
import { outcomes } from "./redis-store-scripts.js";
import { type Place, staleArgument, type StoreCore } from "./store-core.js";

/** Between two looks whether a load of another process has ended: the first, and at most. */
const delays = { first: 5, most: 50 } as const;

/** @internal */
export interface FlightOptions {
  readonly clock: Clock;
  /** How long a load may take, and how long others wait for it. */
  readonly lease: Milliseconds;
}

/** What a process may do about a key that it misses. */
type Claim<V> =
  | { readonly status: "found"; readonly value: V }
  | { readonly status: "load"; readonly token: string }
  | { readonly status: "wait" };

/**
 * Loads of values that are under way in any process: one a key. The others wait for its value, no
 * longer than the lease. A value is stored only if its key has not changed since the load began.
 *
 * @internal
 */
export class RedisFlights<K, V> {
  readonly #core: StoreCore<K, V>;
  readonly #options: FlightOptions;

  constructor(core: StoreCore<K, V>, options: FlightOptions) {
    this.#core = core;
    this.#options = options;
  }

  async fetch(
    key: K,
    load: () => Promise<V>,
    options: FetchedOptions<V>,
    cause: Cause,
  ): Promise<V> {
    const { core, claim } = { core: this.#core, claim: await this.#board(key, cause) };
    if (claim?.status === "found") {
      core.counts.hits++;
      return claim.value;
    }
    core.counts.misses++;
    if (claim?.status !== "load") return await load();
    const place = core.place(key);
    let value: V;
    try {
      value = await load();
    } catch (error) {
      await ignoringOutages(core.run(giveUpScript, place, cause, [claim.token], false));
      throw error;
    }
    await ignoringOutages(this.#land(place, key, value, claim.token, options, cause));
    return value;
  }

  /** Waits as long as another process loads. Undefined: the store does not answer. */
  async #board(key: K, cause: Cause): Promise<Claim<V> | undefined> {
    const { clock, lease } = this.#options;
    const until = clock.now() + lease;
    for (let delay: Milliseconds = delays.first; ; delay = Math.min(2 * delay, delays.most)) {
      let claim: Claim<V>;
      try {
        claim = await this.#claim(key, cause);
      } catch (error) {
        if (error instanceof StoreUnavailableError) return undefined;
        throw error;
      }
      const left = until - clock.now();
      if (claim.status !== "wait" || left <= 0) return claim;
      await sleep(clock, Math.min(delay, left));
    }
  }

  async #claim(key: K, cause: Cause): Promise<Claim<V>> {
    const core = this.#core;
    const token = randomBytes(8).toString("hex");
    const args = [core.wants, token, String(Math.ceil(this.#options.lease))];
    const reply = await core.run(claimScript, core.place(key), cause, args, false, (it) =>
      core.missing(it.gone, key, it.rest[1], cause),
    );
    const [found] = reply.rest;
    if (reply.outcome === outcomes.nothing) return { status: "found", value: core.decode(found) };
    return reply.outcome === claims.load ? { status: "load", token } : { status: "wait" };
  }

  async #land(
    place: Place,
    key: K,
    value: V,
    token: string,
    { ttlOf, staleFor = 0 }: FetchedOptions<V>,
    cause: Cause,
  ): Promise<void> {
    const core = this.#core;
    const life = [core.ttlArgument(ttlOf(value)), staleArgument(staleFor)];
    const args = [core.encode(value), ...life, token, core.wants];
    await core.run(landScript, place, cause, args, true, (reply) => {
      core.missing(reply.gone, key, reply.rest[1], cause);
      if (reply.outcome === outcomes.conflict) return;
      core.counts.writes++;
      if (core.sink.active) core.emit(reply.outcome, cause, key, value, undefined);
    });
  }
}

async function ignoringOutages(step: Promise<unknown>): Promise<void> {
  try {
    await step;
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
  }
}
