import type { ExitReason } from "../actor/exit.js";
import type { ActorRef } from "../actor/ref.js";
import type { ActorSystem, Probe } from "../actor/types.js";
import { isThenable } from "../callbacks.js";

/**
 * Something that is to happen to an actor. A throw is the actor's, a promise delays it.
 *
 * @internal
 */
export type Act = () => void | Promise<void>;

/**
 * Observes the actors of a system. What it receives counts at once; what it wants to happen is done
 * in the order of injection.
 *
 * @internal
 */
export interface Observer {
  starting?(ref: ActorRef): Act | undefined;
  started?(ref: ActorRef): void;
  receiving?(ref: ActorRef, message: unknown): Act | undefined;
  exited?(ref: ActorRef, reason: ExitReason): void;
}

/** Lets several observers share the one probe of a system. */
class ProbeHub implements Probe {
  readonly #observers = new Set<Observer>();

  get size(): number {
    return this.#observers.size;
  }

  add(observer: Observer): void {
    this.#observers.add(observer);
  }

  delete(observer: Observer): void {
    this.#observers.delete(observer);
  }

  starting(ref: ActorRef): void | Promise<void> {
    return perform(
      ref,
      this.#collect((observer) => observer.starting?.(ref)),
    );
  }

  started(ref: ActorRef): void {
    for (const observer of this.#observers) observer.started?.(ref);
  }

  receiving(ref: ActorRef, message: unknown): void | Promise<void> {
    return perform(
      ref,
      this.#collect((observer) => observer.receiving?.(ref, message)),
    );
  }

  exited(ref: ActorRef, reason: ExitReason): void {
    for (const observer of this.#observers) observer.exited?.(ref, reason);
  }

  #collect(ask: (observer: Observer) => Act | undefined): Act[] {
    const acts: Act[] = [];
    for (const observer of this.#observers) {
      const act = ask(observer);
      if (act !== undefined) acts.push(act);
    }
    return acts;
  }
}

const hubs = new WeakMap<ActorSystem, ProbeHub>();

/** Adds an observer of the actors of a system; returns a function that removes it. @internal */
export function observe(system: ActorSystem, observer: Observer): () => void {
  let hub = hubs.get(system);
  if (hub === undefined) hubs.set(system, (hub = new ProbeHub()));
  hub.add(observer);
  system.probe = hub;
  return () => {
    hub.delete(observer);
    if (hub.size === 0 && system.probe === hub) system.probe = undefined;
  };
}

/** Does one act after the other, as long as the actor lives. @internal */
export function perform(ref: ActorRef, acts: readonly Act[]): void | Promise<void> {
  for (const [index, act] of acts.entries()) {
    const pending = act();
    if (isThenable(pending)) return performLater(ref, pending, acts.slice(index + 1));
  }
}

async function performLater(
  ref: ActorRef,
  pending: PromiseLike<void>,
  acts: readonly Act[],
): Promise<void> {
  await pending;
  for (const act of acts) {
    if (!ref.alive) return;
    await act();
  }
}
