/** Keys of one command, or of a sweep, whose calls of a user's functions are under way at once. */
export const callsAtOnce = 64;

/**
 * Calls `fn` for each item, some at a time. After a failure it begins no more; it rejects when those
 * that have begun have ended.
 *
 * @internal
 */
export async function atATime<T>(
  items: Iterable<T>,
  fn: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    while (failures.length === 0) {
      const next = iterator.next();
      if (next.done === true) return;
      try {
        await fn(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, lane));
  if (failures.length > 0) throw failures[0];
}
