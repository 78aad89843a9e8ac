import { systemClock } from "../clock.js";
import type { StreamShape } from "../errors.js";
import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import type { NodeStatus } from "../cluster/replicas.js";
import { withoutSecrets } from "../pubsub/broker-address.js";
import { reasonOf } from "../pubsub/broker-session.js";
import type { PubSubStatus } from "../pubsub/transport.js";
import { type ObservedNode, Observer } from "./observer.js";
import type { TailOptions } from "./arguments.js";
import { busIn, connect, makePubSub } from "./broker.js";
import { aborted, Lines, type Output } from "./output.js";
import { eventLine, gapLine, jsonLine, printable, shapeText } from "./show-event.js";
import { clearTimeout, setTimeout, wallClockNow } from "../timers.js";

/** Milliseconds that nodes have to answer before `tail` says that there are none. */
const answerTimeout = 1000;

/**
 * Shows events until the output's signal is aborted.
 *
 * @throws (as a rejection) BrokerFailure
 * @internal
 */
export async function tail(options: TailOptions, output: Output): Promise<void> {
  const { broker, cache, name, partition } = options;
  const pubsub = await makePubSub(options);
  const bus = busIn(pubsub);
  const view = new TailView(options, output);
  const observer = new Observer({
    bus,
    cache,
    name,
    clock: systemClock,
    ...(partition === null ? {} : { partition }),
    listener: view,
  });
  let unwatch = (): void => {};
  let timer: NodeJS.Timeout | undefined;
  try {
    await using session = await connect(pubsub, broker);
    const showStatus = (status: PubSubStatus): void =>
      view.status(status, bus.refusalOf("") ?? bus.trouble);
    showStatus(bus.status);
    unwatch = bus.onStatus(showStatus);
    timer = setTimeout(() => {
      if (bus.status === "connected" && observer.nodes().length === 0) view.noNodes();
    }, answerTimeout);
    await Promise.race([aborted(output.signal), session.failed]);
    unwatch();
  } finally {
    clearTimeout(timer);
    unwatch();
    observer.close();
    view.lines.flush();
  }
}

/** Shows a stream to the user. */
class TailView {
  readonly lines: Lines;
  readonly #options: TailOptions;
  readonly #output: Output;
  readonly #shapes: StreamShape[] = [];
  readonly #nodes = new Set<string>();
  #rejected = 0;
  #status: string | undefined;

  constructor(options: TailOptions, output: Output) {
    this.lines = new Lines(output);
    this.#options = options;
    this.#output = output;
  }

  events(events: readonly CacheEvent[]): void {
    const { events: types, json } = this.#options;
    for (const event of events)
      if (types.includes(event.type)) this.lines.add(json ? jsonLine(event) : eventLine(event));
  }

  gap(gap: GapEvent): void {
    this.lines.add(this.#options.json ? jsonLine(gap) : gapLine(gap, wallClockNow()));
  }

  node({ node, epoch, shape }: ObservedNode, status: NodeStatus): void {
    const id = `${node}:${epoch}`;
    if (status === "down" || status === "silent") this.#nodes.delete(id);
    else this.#nodes.add(id);
    const what = { up: "is there", silent: "is silent", restarted: "began anew", down: "left" };
    this.#say(`node ${node} ${what[status]} (epoch ${epoch}, ${shapeText(shape)})`);
    if (status === "down" && this.#nodes.size === 0) this.noNodes();
  }

  shape(shape: StreamShape, node: string, followed: readonly number[]): void {
    this.#shapes.push(shape);
    const { partition } = this.#options;
    if (followed.length === 0) {
      this.#say(
        partition === null
          ? `${shapeText(shape)} of node ${node} are too many to be followed`
          : `there is no partition ${partition} on node ${node}, which has ${shapeText(shape)}`,
      );
    }
    if (this.#shapes.length > 1)
      this.#say(
        `nodes have different shapes, and don't exchange events: ${this.#shapes.map(shapeText).join("; ")}. Events of all of them are shown`,
      );
  }

  nameTaken(node: string): void {
    this.#say(`two nodes are named ${node}: node names must differ`);
  }

  rejected(reason: string): void {
    this.#rejected++;
    if (this.#rejected === 1)
      this.#say(`a message was rejected: ${reason}; further ones are not reported`);
  }

  status(status: PubSubStatus, trouble: unknown): void {
    if (status === this.#status) return;
    const before = this.#status;
    this.#status = status;
    const { broker } = this.#options;
    const { shown } = broker;
    const why = trouble === undefined ? "" : ` (${withoutSecrets(reasonOf(trouble), broker)})`;
    if (status === "reconnecting") this.#say(`no connection to ${shown}: trying again${why}`);
    else if (status === "connected" && before !== undefined) this.#say(`connected to ${shown}`);
  }

  noNodes(): void {
    const { cache, name, namespace } = this.#options;
    const instance = name === cache ? "" : `, instance ${name}`;
    this.#say(
      `no node has a stream of cache ${cache}${instance} in namespace ${namespace} now: waiting for one (tail --journal shows the events of a shared store, or of a journal)`,
    );
  }

  #say(text: string): void {
    // Earlier events are shown first.
    this.lines.flush();
    this.#output.say(printable(text));
  }
}
