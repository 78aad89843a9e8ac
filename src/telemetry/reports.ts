import type { Channel } from "node:diagnostics_channel";

type Observer = (message: never) => void;

const observers = new Map<Channel, Set<Observer>>();

/**
 * Calls `fn`, which must not throw, with what is reported on a channel. Unlike a subscriber it does
 * not stand for an operator: what nobody subscribes to is warned of all the same. Returns a function
 * that ends it.
 *
 * @internal
 */
export function observeReports<Message>(to: Channel, fn: (message: Message) => void): () => void {
  const observer: Observer = (message) => fn(message);
  const others = observers.get(to);
  if (others === undefined) observers.set(to, new Set([observer]));
  else others.add(observer);
  return () => {
    const known = observers.get(to);
    known?.delete(observer);
    if (known?.size === 0) observers.delete(to);
  };
}

/**
 * Publishes on a channel what `make` returns; without subscribers and observers it is not called.
 * Returns whether the channel has a subscriber: if not, the caller warns of what must not be silent.
 *
 * @internal
 */
export function report(to: Channel, make: () => object): boolean {
  const { hasSubscribers } = to;
  const watching = observers.get(to);
  if (!hasSubscribers && watching === undefined) return false;
  const message = make();
  if (watching !== undefined) for (const fn of watching) fn(message as never);
  if (hasSubscribers) to.publish(message);
  return hasSubscribers;
}
