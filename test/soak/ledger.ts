import { jest } from "@jest/globals";
import type { Clock, TimerHandle } from "nebulex-streams";
import { ActorCell } from "../../src/actor/cell.js";
import { InstanceSlot } from "../../src/cache/instance.js";
import { systemClock } from "../../src/clock.js";

/** A clock that knows which of its timers are waiting. */
export class CountingClock implements Clock {
  readonly #waiting = new Set<TimerHandle>();

  get waiting(): number {
    return this.#waiting.size;
  }

  now(): number {
    return systemClock.now();
  }

  wallTime(): number {
    return Date.now();
  }

  setTimeout(fn: () => void, ms: number): TimerHandle {
    const handle = systemClock.setTimeout(() => {
      this.#waiting.delete(handle);
      fn();
    }, ms);
    this.#waiting.add(handle);
    return handle;
  }

  clearTimeout(handle: TimerHandle): void {
    this.#waiting.delete(handle);
    systemClock.clearTimeout(handle);
  }
}

/** Counts the watchers: hooks on the ends of actors, monitors, and watchers of cache instances. */
export class Ledger {
  hooks = 0;
  monitors = 0;
  watchers = 0;

  constructor() {
    const { onDeath, monitor } = ActorCell.prototype;
    const { watch } = InstanceSlot.prototype;
    const count = (name: "hooks" | "monitors" | "watchers"): (() => void) => {
      let open = true;
      this[name]++;
      return () => {
        if (open) this[name]--;
        open = false;
      };
    };
    jest.spyOn(ActorCell.prototype, "onDeath").mockImplementation(function (this: ActorCell, hook) {
      const close = count("hooks");
      const cancel = onDeath.call(this, (reason) => {
        close();
        hook(reason);
      });
      return () => {
        close();
        cancel();
      };
    });
    jest.spyOn(ActorCell.prototype, "monitor").mockImplementation(function (this: ActorCell, fn) {
      const close = count("monitors");
      const cancel = monitor.call(this, (down) => {
        close();
        fn(down);
      });
      return () => {
        close();
        cancel();
      };
    });
    jest.spyOn(InstanceSlot.prototype, "watch").mockImplementation(function (
      this: InstanceSlot,
      watcher,
    ) {
      const close = count("watchers");
      const cancel = watch.call(this, watcher);
      return () => {
        close();
        cancel();
      };
    });
  }
}
