import { backoff, nodeTimeOf, pause, type TimerHandle } from "../clock.js";
import { CacheEvent } from "../event/event.js";
import type {
  CommitResult,
  GroupPartition,
  GroupState,
  Lease,
  NewDeadLetter,
} from "../journal/engine.js";
import type { Milliseconds } from "../options.js";
import { queueMicrotask } from "../timers.js";
import { describeThrown, encodeDeadLetter } from "./dead-letter.js";
import type { GroupContext, LeasedPartition, Release } from "./group-context.js";
import type { CursorOwner, GroupCursor } from "./group-cursor.js";
import { type LostPositions, Reading } from "./reading.js";
import { Retries } from "./retries.js";
import type { TailAhead } from "./tail-ahead.js";

/** How long an event may be handled without having been committed. */
const maxUncommittedTime: Milliseconds = 200;
/** How long handled events wait for others before they are committed. */
const commitDelay: Milliseconds = 100;
/** The same when there are no others. */
const idleDelay: Milliseconds = 10;
/** Events that are committed at once. */
const commitCount = 32;

/**
 * A partition of a cluster group that this node owns: its lease, what is read under it, and what is
 * committed. The lease ends here `leaseTime` after the last successful request for it was sent, and
 * so never later than in the engine.
 *
 * @internal
 */
export class OwnedPartition implements CursorOwner, LeasedPartition {
  readonly index: number;
  readonly #context: GroupContext;
  readonly #name: GroupPartition;
  #lease: Lease;
  #leaseEnd: Milliseconds;
  #isClosed = false;
  #isLost = false;
  #isPaused: boolean;
  /** Whether it is being given back. */
  #isEnding = false;
  #givingBack: Promise<void> | undefined;
  /** Whether its last commit is being made. */
  #isFinal = false;
  /** What is read now; undefined: the position is being moved. */
  #reading: Reading | undefined;
  /** What the first one reads from, where it has been opened already. */
  #ahead: TailAhead | undefined;
  /** Where the next reading begins. */
  #position: number;
  /** Whether there is no reading, or one that ends. */
  #isMoving = true;
  /** Whether what follows in the journal has been trimmed: the reading ends when all is handled. */
  #isTrimmed = false;
  /** The position behind the last one that is known of the lease's generation. */
  #known: number;
  #lost: LostPositions[] = [];

  #committing: Promise<void> | undefined;
  #commitAgain = false;
  /** Whether a commit is made in this turn of the event loop. */
  #isDue = false;
  /** Events handled since the last commit was sent. */
  #count = 0;
  /** When the first of them was handled. */
  #since: Milliseconds | undefined;
  /** When the first event was handled that the commit under way covers. */
  #sentSince: Milliseconds | undefined;
  /** Whether something waits for a commit. */
  #isBlocked = false;
  #failures = 0;
  #timer: TimerHandle;
  #timerDue: Milliseconds = Infinity;
  #leaseTimer: TimerHandle;
  readonly #dead: NewDeadLetter[] = [];
  readonly #retried: string[] = [];
  readonly #retries: Retries;

  /** @param sentAt when the request was sent that got the lease */
  constructor(context: GroupContext, state: GroupState, sentAt: Milliseconds) {
    this.#context = context;
    this.index = state.partition;
    const { cache, name } = context.address;
    this.#name = { cache, name, group: context.group, partition: this.index };
    const { fence, seeks, generation } = state;
    this.#lease = { fence, seeks, generation };
    this.#position = this.#known = state.position;
    this.#isPaused = state.paused;
    this.#leaseEnd = sentAt + context.leaseTime;
    this.#retries = new Retries(context, this.#name, {
      give: (events) => {
        if (this.isEnding || this.cursor === undefined) this.#retries.forget();
        else this.cursor.giveAgain(events);
      },
      refuse: ({ id, position, record }) => {
        this.#dead.push({ position, record, retryOf: id });
        this.#requestCommit();
      },
    });
    this.#watchLease();
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  get fence(): number {
    return this.#lease.fence;
  }

  get generation(): string {
    return this.#lease.generation;
  }

  /** The position behind the last one that is known to have been written. */
  get known(): number {
    return Math.max(this.#known, this.#reading?.feed.known ?? 0);
  }

  /** The first position that is not known to be handled. */
  get position(): number {
    return this.#isMoving || this.#reading === undefined
      ? this.#position
      : this.#reading.cursor.handledTo;
  }

  /** Whether it is being given back, or is not owned any more. */
  get isEnding(): boolean {
    return this.#isEnding || this.#isClosed;
  }

  /** What its worker reads; undefined: nothing now. */
  get cursor(): GroupCursor | undefined {
    return this.#reading?.cursor;
  }

  /**
   * Begins to read.
   *
   * @param lost positions that the group is told to be lost
   * @param first the first position that is kept, if it is known
   * @param ahead what has been opened already
   */
  begin(lost: readonly LostPositions[], first?: number, ahead?: TailAhead): void {
    this.#lost.push(...lost);
    this.#ahead = ahead;
    void this.#read(first);
    this.#schedule(this.#context.leaseTime / 3);
  }

  /** The group, as it is seen. */
  see(state: GroupState): void {
    if (this.#isClosed || state.fence !== this.fence) return;
    this.#setPaused(state.paused);
    const { seeks, generation } = this.#lease;
    if (state.seeks !== seeks || state.generation !== generation) this.#requestCommit();
    this.#retries.check(state.retries);
  }

  /** The journal has a connection again. */
  reconnected(): void {
    this.#failures = 0;
    this.#reading?.feed.open();
    this.#requestCommit();
  }

  /** Finishes what is in hand, commits it, and gives the lease back. Never rejects. */
  giveBack(): Promise<void> {
    this.#givingBack ??= this.#giveBack();
    return this.#givingBack;
  }

  async #giveBack(): Promise<void> {
    if (this.#isClosed) return;
    this.#isEnding = true;
    this.#applyHold();
    await this.#reading?.cursor.quiet();
    this.#isFinal = true;
    await this.#committing;
    // Letters are stored first: a commit that has given the lease back can't be repeated.
    if (this.#dead.length + this.#retried.length > 0 && !this.#isClosed)
      await this.#commit(this.#context.leaseTime);
    while (!this.#isClosed && !(await this.#commit(0))) {
      if (this.#context.port.status !== "connected") break;
      await pause(this.#context.clock, idleDelay);
    }
    this.#close("given back");
    await this.#context.endWorker(this.index);
  }

  /** The member has ended without an order: it commits what is handled, if that is possible. */
  abandon(): void {
    if (this.#isClosed) return;
    void this.#commit(0);
    this.#lose("abandoned");
  }

  mayBegin(isFirst: boolean): boolean {
    if (this.#isClosed) return false;
    const now = this.#context.clock.now();
    if (now >= this.#leaseEnd) {
      this.#lose("expired");
      return false;
    }
    const since = this.#sentSince ?? this.#since;
    if (since === undefined || now - since < maxUncommittedTime) return true;
    // Only this message, which failed or lost its worker, keeps the others from being committed.
    if (isFirst && this.#sentSince === undefined && this.#count === 0) return true;
    this.#isBlocked = true;
    return false;
  }

  handled(event: CacheEvent): void {
    const id = this.#retries.settled(event);
    if (id !== undefined) this.#retried.push(id);
  }

  gaveUp(event: CacheEvent, error: unknown, attempts: number): void {
    const { port, address, clock } = this.#context;
    const time = Math.round(nodeTimeOf(clock)());
    const content = { event, error: describeThrown(error), attempts, time };
    const retryOf = this.#retries.settled(event);
    this.#dead.push({
      position: CacheEvent.offsetOf(event),
      record: encodeDeadLetter(port, address, content),
      ...(retryOf === undefined ? undefined : { retryOf }),
    });
  }

  settled(): void {
    this.#since ??= this.#context.clock.now();
    if (++this.#count >= commitCount || this.#isBlocked) {
      // One commit for all that is handled without a pause.
      if (!this.#isDue) queueMicrotask(this.#commitDue);
      this.#isDue = true;
    } else if (this.#reading?.isIdle === true) this.#schedule(idleDelay);
    else if (this.#count === 1) this.#schedule(commitDelay);
  }

  readonly #commitDue = (): void => {
    this.#isDue = false;
    this.#requestCommit();
  };

  #setPaused(paused: boolean): void {
    if (paused === this.#isPaused) return;
    this.#isPaused = paused;
    this.#applyHold();
  }

  #applyHold(): void {
    if (this.#isPaused || this.#isEnding || this.#isMoving) this.cursor?.hold();
    else this.cursor?.resume();
  }

  /** Opens a reading at the position. @param known the first that is kept, if it is known */
  async #read(known?: number): Promise<void> {
    const { stream, port, address, group, mask, clock } = this.#context;
    const partition = { cache: address.cache, name: address.name, partition: this.index };
    for (let first = known; !this.isEnding; first = undefined) {
      const position = this.#position;
      const { generation } = this.#lease;
      try {
        const bounds =
          first === undefined ? await port.engine().bounds(partition) : { generation, first };
        if (this.isEnding) return;
        // It has been moved meanwhile.
        if (position !== this.#position || generation !== this.#lease.generation) continue;
        const isTrimmed = bounds.generation === generation && bounds.first > position;
        const start = isTrimmed ? bounds.first : position;
        const lost = this.#lost.splice(0);
        if (isTrimmed) lost.push({ from: position, to: start - 1, reason: "trimmed", generation });
        const handlesGaps = this.#context.handlesGaps(this.index);
        const place = { index: this.index, generation, position, start, lost, handlesGaps };
        this.#reading = new Reading({ stream, port, address, group, mask, ...place }, this, () => {
          this.#isTrimmed = true;
          this.#checkTrimmed();
        });
        this.#isMoving = false;
        this.#applyHold();
        this.#reading.feed.open(this.#ahead);
        this.#ahead = undefined;
        this.#context.startWorker(this.index);
        return;
      } catch {
        await pause(clock, commitDelay);
      }
    }
  }

  /** Reads on elsewhere, when what is in hand has been finished. */
  async #move(): Promise<void> {
    const reading = this.#reading;
    if (this.#isMoving || reading === undefined) return;
    this.#isMoving = true;
    this.#isTrimmed = false;
    this.#applyHold();
    await reading.cursor.quiet();
    this.#closeReading();
    this.#retries.forget();
    await this.#context.endWorker(this.index);
    await this.#read();
  }

  #movedTo({ seeks, generation, position }: GroupState): void {
    const { fence, generation: before } = this.#lease;
    if (generation !== before) {
      const lost = { from: this.position, to: this.known - 1, generation: before };
      this.#lost.push({ ...lost, reason: "journal_lost" });
      this.#known = position;
    }
    this.#lease = { fence, seeks, generation };
    // What is in hand is finished, and not committed.
    this.#position = position;
    void this.#move();
  }

  /** What is trimmed lies behind what has been read: that is handled first. */
  #checkTrimmed(): void {
    const reading = this.#reading;
    if (!this.#isTrimmed || reading?.cursor.handledTo !== reading?.feed.known) return;
    this.#position = this.position;
    void this.#move();
  }

  #requestCommit(): void {
    if (this.#isClosed || this.#isFinal) return;
    if (this.#committing !== undefined) {
      this.#commitAgain = true;
      return;
    }
    this.#committing = this.#commit(this.#context.leaseTime).then(() => {
      this.#committing = undefined;
      if (!this.#commitAgain) return;
      this.#commitAgain = false;
      this.#requestCommit();
    });
  }

  /** Never rejects. @returns whether it need not be repeated */
  async #commit(leaseTime: Milliseconds): Promise<boolean> {
    const { port, clock } = this.#context;
    const sentAt = clock.now();
    const { position } = this;
    const dead = [...this.#dead];
    const retried = [...this.#retried];
    const reading = this.#isMoving ? undefined : this.#reading;
    // What was handled before its turn stays uncommitted.
    const isComplete = reading === undefined || reading.handledBeyond(position) <= 0;
    this.#sentSince ??= this.#since;
    this.#since = undefined;
    this.#count = 0;
    let result: CommitResult;
    try {
      const commit = { ...this.#lease, position, leaseTime, dead, retried };
      result = await port.engine().commit(this.#name, commit);
    } catch {
      this.#schedule(backoff(++this.#failures, idleDelay, this.#context.leaseTime / 6));
      return false;
    }
    if (this.#isClosed) return true;
    this.#context.answered(this, result.status, position);
    if (result.status === "fenced") {
      if (!this.#isFinal) this.#lose("fenced");
      return true;
    }
    this.#failures = 0;
    if (leaseTime > 0) this.#leaseEnd = sentAt + leaseTime;
    this.#setPaused(result.state.paused);
    if (result.status === "committed") {
      this.#dead.splice(0, dead.length);
      this.#retried.splice(0, retried.length);
      this.#retries.committed([...retried, ...dead.flatMap(({ retryOf }) => retryOf ?? [])]);
      if (!isComplete) this.#since = this.#sentSince;
      this.#committed(position);
    } else {
      this.#sentSince = undefined;
      this.#movedTo(result.state);
    }
    this.#retries.check(result.state.retries);
    this.#schedule(leaseTime / 3);
    return result.status === "committed";
  }

  #committed(position: number): void {
    const reading = this.#isMoving ? undefined : this.#reading;
    this.#sentSince = undefined;
    this.#isBlocked = false;
    reading?.feed.committed(position);
    reading?.cursor.proceed();
    if (this.#count > 0) this.#schedule(reading?.isIdle === true ? idleDelay : commitDelay);
    this.#checkTrimmed();
  }

  /** Makes a commit at the latest when `delay` is over. */
  #schedule(delay: Milliseconds): void {
    const { clock } = this.#context;
    const due = clock.now() + delay;
    if (this.#isClosed || due >= this.#timerDue) return;
    clock.clearTimeout(this.#timer);
    this.#timerDue = due;
    this.#timer = clock.setTimeout(() => {
      this.#timerDue = Infinity;
      this.#requestCommit();
    }, delay);
  }

  #watchLease(): void {
    const { clock } = this.#context;
    this.#leaseTimer = clock.setTimeout(() => {
      if (clock.now() >= this.#leaseEnd) this.#lose("expired");
      else this.#watchLease();
    }, this.#leaseEnd - clock.now());
  }

  #lose(how: "expired" | "fenced" | "abandoned"): void {
    if (this.#isClosed) return;
    this.#isLost = true;
    this.#close(how);
    void this.#context.endWorker(this.index);
  }

  #close(how: Release): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { clock } = this.#context;
    clock.clearTimeout(this.#timer);
    clock.clearTimeout(this.#leaseTimer);
    // What is left is reported with the lease.
    const { position, known } = this;
    this.#closeReading();
    this.#ahead?.close();
    this.#position = position;
    this.#known = known;
    this.#context.released(this, how);
  }

  #closeReading(): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    this.#reading = undefined;
    this.#known = Math.max(this.#known, reading.feed.known);
    reading.close();
    this.#context.readingEnds(this.index, reading.cursor);
  }
}
