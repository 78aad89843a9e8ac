/** The error that a handler is made to throw. */
export class InjectedCrash extends Error {
  override readonly name = "InjectedCrash";
}

/**
 * Decides when handlers crash, so that a given number of crashes is spread evenly over a run whose
 * length is not known beforehand: crash k of n falls due when k / (n + 1) of the workload is issued.
 */
export class CrashPlan {
  readonly #total: number;
  #planned = 0;
  #emitted = 0;
  /** For each crash to come, how many events are handled before it; ascending. */
  readonly #due: number[] = [];

  /** @param total how many crashes there are to be */
  constructor(total: number) {
    this.#total = total;
  }

  /** Crashes that have not happened. */
  get left(): number {
    return this.#total - this.#planned + this.#due.length;
  }

  /**
   * Spreads the crashes that have fallen due over the events made since the last call. While there are
   * none, the crashes wait: a handler can crash only when it is given an event.
   *
   * @param progress how much of the workload is issued, from 0 to 1
   * @param emitted how many events that has made; those since the last call are not handled yet
   */
  advance(progress: number, emitted: number): void {
    const events = emitted - this.#emitted;
    if (events <= 0) return;
    const reached = Math.min(this.#total, Math.floor(progress * (this.#total + 1)));
    const crashes = reached - this.#planned;
    for (let index = 0; index < crashes; index += 1) {
      this.#due.push(this.#emitted + Math.floor((index * events) / crashes));
    }
    this.#planned = Math.max(this.#planned, reached);
    this.#emitted = emitted;
  }

  /**
   * To be called by a handler before it handles an event.
   *
   * @param handled how many events have been handled
   * @throws InjectedCrash when it is to crash
   */
  beforeEvent(handled: number): void {
    const next = this.#due[0];
    if (next === undefined || handled < next) return;
    this.#due.shift();
    throw new InjectedCrash(`crashed on purpose after ${handled} events`);
  }
}
