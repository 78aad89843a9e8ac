import { type Clock, setBackgroundTimeout, type TimerHandle } from "../clock.js";
import { StoreUnavailableError } from "../errors.js";
import type { RedisEngine } from "../journal/redis-engine.js";
import { asCommandFailure, type RedisLink } from "../journal/redis-link.js";
import type { RedisScript } from "../journal/redis-script.js";
import type { JournalPort } from "../journal/types.js";
import type { Milliseconds } from "../options.js";
import { toError } from "../pubsub/broker-session.js";
import type { RedisArguments } from "../pubsub/redis-client.js";
import { setImmediate } from "../timers.js";

/** @internal */
export interface StoreCallsOptions {
  /** The instance's name. */
  readonly cache: string;
  readonly port: JournalPort;
  readonly clock: Clock;
  /** How long a command may take. */
  readonly timeout: Milliseconds;
  /** The scripts that are run: each new server is sent them first. */
  readonly scripts: readonly RedisScript[];
  /**
   * Called over each new connection before anything else is sent; commands wait for it until it has
   * succeeded once.
   */
  prepare(link: RedisLink): Promise<void>;
}

interface Pending {
  readonly sentAt: Milliseconds;
  isSettled: boolean;
  /** The time is over. */
  readonly expire: () => void;
}

/** The scripts are being loaded again. */
interface Reload {
  readonly link: RedisLink;
  /** Settles when all that was sent before over the connection has been answered. Never rejects. */
  readonly ended: Promise<void>;
  isAnswered: boolean;
}

/** Settled calls before the oldest pending one that are kept before they are dropped. */
const maxSettled = 1024;
/** What a server answers in place of carrying out a command. */
const refusals =
  /^(?:OOM|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|MISCONF|NOREPLICAS|BUSY|NOPERM|NOAUTH|TRYAGAIN|MOVED|ASK)\b/;

/**
 * Sends commands of one store over the journal's present connection. None takes longer than the
 * timeout. When the engine does not answer any more, commands fail at once, but for one in each
 * timeout that tries whether it answers again: a circuit breaker.
 *
 * @internal
 */
export class StoreCalls {
  readonly #options: StoreCallsOptions;
  readonly #stopWatching: () => void;
  #link: RedisLink | undefined;
  #preparing: Promise<void> | undefined;
  /** A server has forgotten the scripts, and is sent them: what is called meanwhile waits. */
  #reload: Reload | undefined;
  #isPrepared = false;
  /** Why the store can't be used at all. */
  #failure: Error | undefined;
  #pending: Pending[] = [];
  #oldest = 0;
  #timer: TimerHandle;
  #isTiming = false;
  #lastReply: Milliseconds = -Infinity;
  #isOpen = false;
  #lastTrial: Milliseconds = -Infinity;

  constructor(options: StoreCallsOptions) {
    this.#options = options;
    this.#stopWatching = options.port.onStatus(() => this.#statusChanged());
    this.#statusChanged();
  }

  /** The connection is one to a Redis Cluster: a script's keys are those of one partition. */
  get isCluster(): boolean {
    return this.#link?.reading === undefined;
  }

  get isConnected(): boolean {
    return this.#link !== undefined && this.#isPrepared;
  }

  /** Settles when the store is ready over the present connection, or there is none. */
  async prepared(): Promise<void> {
    await this.#preparing;
  }

  /** Nothing can be done any more. */
  fail(error: Error): void {
    this.#failure = error;
  }

  close(): void {
    this.#stopWatching();
    this.#options.clock.clearTimeout(this.#timer);
    this.#failure ??= this.unavailable("no", "it is closed");
  }

  /** @param isWrite whether its fate matters */
  send(key: string, args: RedisArguments, buffers: boolean, isWrite: boolean): Promise<unknown> {
    const link = this.#usable();
    if (link === undefined)
      return this.#whenPrepared((ready) =>
        this.#call(() => ready.send(key, args, buffers), isWrite),
      );
    return this.#call(() => link.send(key, args, buffers), isWrite);
  }

  run(
    script: RedisScript,
    keys: readonly string[],
    args: RedisArguments,
    buffers: boolean,
    isWrite = true,
  ): Promise<unknown> {
    const link = this.#usable();
    const all = ["EVALSHA", script.sha, String(keys.length), ...keys, ...args];
    const send = (by: RedisLink): Promise<unknown> =>
      by.send(keys[0] as string, all, buffers).catch((error: unknown) => {
        if (!toError(error).message.startsWith("NOSCRIPT")) throw error;
        // The others are missing, too.
        this.#beginReload(by);
        all[0] = "EVAL";
        all[1] = script.source;
        return by.send(keys[0] as string, all, buffers);
      });
    if (link === undefined)
      return this.#whenPrepared((ready) => this.#call(() => send(ready), isWrite));
    return this.#call(() => send(link), isWrite);
  }

  unavailable(applied: "no" | "unknown", why: string, cause?: unknown): StoreUnavailableError {
    const { cache } = this.#options;
    return new StoreUnavailableError(cache, applied, why, cause === undefined ? {} : { cause });
  }

  /** Undefined: the connection has to be prepared first. */
  #usable(): RedisLink | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#link === undefined) {
      const { port } = this.#options;
      throw this.unavailable("no", "there is no connection to the engine", port.trouble);
    }
    if (this.#isOpen) {
      const now = this.#options.clock.now();
      if (now - this.#lastTrial < this.#options.timeout)
        throw this.unavailable("no", "the engine does not answer");
      this.#lastTrial = now;
    }
    return this.#isPrepared && this.#reload === undefined ? this.#link : undefined;
  }

  async #whenPrepared(send: (link: RedisLink) => Promise<unknown>): Promise<unknown> {
    const reload = this.#reload?.ended;
    await this.#call(async () => {
      await this.#preparation(this.#link as RedisLink);
      await reload;
    }, false);
    return send(this.#usable() ?? (this.#link as RedisLink));
  }

  #call(send: () => Promise<unknown>, isWrite: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        sentAt: this.#options.clock.now(),
        isSettled: false,
        expire: () => {
          pending.isSettled = true;
          if (this.#lastReply <= pending.sentAt) this.#open();
          const why = `the engine has not answered within ${this.#options.timeout} ms`;
          reject(this.unavailable(isWrite ? "unknown" : "no", why));
        },
      };
      this.#pending.push(pending);
      if (!this.#isTiming) this.#time(this.#options.timeout);
      send().then(
        (reply) => {
          this.#answered(pending);
          resolve(reply);
        },
        (error: unknown) => {
          const failure = toError(error);
          const isAnswer = isReply(failure);
          if (isAnswer) this.#answered(pending);
          else this.#settle(pending);
          const applied =
            isWrite && !(isAnswer && refusals.test(failure.message)) ? "unknown" : "no";
          const cause = asCommandFailure(failure, "the command");
          reject(
            failure instanceof StoreUnavailableError
              ? failure
              : this.unavailable(applied, cause.message, cause),
          );
        },
      );
    });
  }

  #answered(pending: Pending): void {
    this.#lastReply = this.#options.clock.now();
    this.#isOpen = false;
    this.#settle(pending);
  }

  /** Replies come in the order of the commands, mostly. */
  #settle(pending: Pending): void {
    pending.isSettled = true;
    while (this.#pending[this.#oldest]?.isSettled === true) this.#oldest++;
    if (this.#oldest === this.#pending.length || this.#oldest > maxSettled) {
      this.#pending.splice(0, this.#oldest);
      this.#oldest = 0;
    }
  }

  #time(delay: Milliseconds): void {
    const { clock, timeout } = this.#options;
    this.#isTiming = true;
    // Where this process was held up, replies may have come that it has not read: these come first.
    const check = (): void => void setImmediate(() => this.#expireOverdue(clock.now() - timeout));
    this.#timer = setBackgroundTimeout(clock, check, delay);
  }

  /** @param sentAt of the oldest command that may still be waited for */
  #expireOverdue(sentAt: Milliseconds): void {
    this.#isTiming = false;
    for (let oldest = this.#pending[this.#oldest]; oldest !== undefined;) {
      const left = oldest.sentAt - sentAt;
      if (!oldest.isSettled && left > 0) {
        this.#time(left);
        return;
      }
      if (!oldest.isSettled) oldest.expire();
      this.#settle(oldest);
      oldest = this.#pending[this.#oldest];
    }
  }

  #open(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#lastTrial = this.#options.clock.now();
  }

  #statusChanged(): void {
    const { port } = this.#options;
    this.#preparing = undefined;
    this.#isOpen = false;
    if (port.status !== "connected") {
      this.#link = undefined;
      return;
    }
    const { link } = (port.engine() as RedisEngine).caller;
    this.#link = link;
    this.#preparation(link).catch(() => {});
  }

  /** The one under way, or done, over the present connection; where it has failed, another. */
  #preparation(link: RedisLink): Promise<void> {
    this.#preparing ??= this.#prepare(link).catch((error: unknown) => {
      if (this.#link === link) this.#preparing = undefined;
      throw error;
    });
    return this.#preparing;
  }

  async #prepare(link: RedisLink): Promise<void> {
    // What is sent later over the same connection comes behind these.
    const loaded = this.#load(link);
    await this.#options.prepare(link);
    await loaded;
    this.#isPrepared = true;
  }

  /**
   * Loads the scripts again. Commands that were sent before may be refused one by one, and are sent
   * again in their order: what is called until they have all been answered goes behind them.
   */
  #beginReload(link: RedisLink): void {
    if (this.#reload?.link === link && !this.#reload.isAnswered) return;
    const ended = this.#load(link).then(async () => {
      // What the server has answered before, in the same packet, is dealt with first.
      await nextTurn();
      reload.isAnswered = true;
    });
    const reload: Reload = { link, ended, isAnswered: false };
    this.#reload = reload;
    // What waits is sent before anything else.
    void ended.then(nextTurn).then(() => {
      if (this.#reload === reload) this.#reload = undefined;
    });
  }

  async #load(link: RedisLink): Promise<void> {
    const load = (source: string): Promise<unknown>[] =>
      link.servers().map((server) => server.sendCommand(["SCRIPT", "LOAD", source]));
    const loads = this.#options.scripts.flatMap(({ source }) => load(source));
    // A script that could not be loaded is sent with its first command.
    await Promise.allSettled(loads);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Whether an error is one that a server has answered with. */
function isReply(error: Error): boolean {
  return /^[A-Z]{2,}\b/.test(error.message) && error.constructor.name.endsWith("ErrorReply")
    ? true
    : /^(?:ERR|NOSCRIPT|WRONGTYPE)\b/.test(error.message) || refusals.test(error.message);
}
