import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type Adapter,
  type AsyncAdapter,
  type AsyncStore,
  localAdapter,
  type Store,
} from "nebulex-streams";

/**
 * A store somewhere else, which outlives the caches in front of it: one request after the other,
 * each a turn away.
 */
export function asyncAdapter(): AsyncAdapter {
  let kept: Store<never, never> | undefined;
  let sink: unknown;
  const local: Adapter = localAdapter();
  return {
    async: true,
    open: async <K, V>(context: Parameters<Adapter["open"]>[0]): Promise<AsyncStore<K, V>> => {
      await nextTurn();
      sink = context.sink;
      // The last one that has opened it listens.
      const relay = new Proxy(
        {},
        {
          get: (_target, name) => {
            const value: unknown = Reflect.get(sink as object, name);
            return typeof value === "function" ? (value.bind(sink) as unknown) : value;
          },
        },
      );
      kept ??= local.open<never, never>({ ...context, sink: relay } as never);
      const store = kept as unknown as Record<string, (...args: unknown[]) => unknown>;
      let last: Promise<unknown> = Promise.resolve();
      const later = (request: () => unknown): Promise<unknown> => {
        const answer = last.then(() => nextTurn()).then(request);
        last = answer.catch(() => {});
        return answer;
      };
      return new Proxy({} as AsyncStore<K, V>, {
        get: (_target, name) => {
          // Of the optional methods it has those of the store in the process.
          if (typeof store[name as string] !== "function") return undefined;
          if (name === "close") return () => Promise.resolve();
          return (...args: unknown[]) => later(() => store[name as string]?.(...args));
        },
      });
    },
  };
}
