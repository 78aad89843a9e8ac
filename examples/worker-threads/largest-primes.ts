// Runs in worker threads: one state for each partition, and no event loop to hold up but the thread's own.
import { BroadcastChannel } from "node:worker_threads";
import type { ThreadHandler } from "nebulex-streams";

interface State {
  results: BroadcastChannel;
  handled: number;
}

export default {
  init: () => ({ results: new BroadcastChannel("primes"), handled: 0 }),

  handle({ target, value = 0 }, { results, handled }) {
    if (value < 0) process.exit(1);
    if (target.kind === "key")
      results.postMessage(`${target.key}: largest prime below ${value} is ${primeBelow(value)}`);
    return { results, handled: handled + 1 };
  },

  terminate: (_reason, { results }) => results.close(),
} satisfies ThreadHandler<State, string, number>;

function primeBelow(limit: number): number {
  for (let candidate = limit - 1; ; candidate--) if (isPrime(candidate)) return candidate;
}

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor++)
    if (candidate % divisor === 0) return false;
  return true;
}
