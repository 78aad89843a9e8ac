import { ActorRef } from "../actor/ref.js";
import type { ActorContext, Behavior } from "../actor/types.js";
import { spawnIn } from "../actor/types.js";
import { OptionError } from "../errors.js";
import {
  boolean,
  integer,
  nonEmptyString,
  option,
  readOptions,
  type Resolved,
  type SchemaOf,
} from "../options.js";
import {
  childSchema,
  type ChildSettings,
  type ChildSpec,
  makeChildSpec,
} from "../supervisor/child-spec.js";
import { channels } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { findPage, readAssets } from "./assets.js";
import { isLoopback } from "./guard.js";
import { ProcessSource } from "./process-source.js";
import { follow } from "./reports.js";
import { type ActionReport, type InspectorAddress, InspectorServer } from "./server.js";
import { detail, errorText, line, reasonText } from "./text.js";
import type { Timeline } from "./timeline.js";

/** Options of {@link inspector}. */
export interface InspectorOptions extends ChildSettings {
  /** Its id among its siblings. Default `"inspector"`. */
  id?: string;
  /** The port, 0 to 65535. 0: any free one, which {@link inspectorAddress} tells. Default 4040. */
  port?: number;
  /**
   * The address or name to listen on. One beyond this machine needs a `token`. Default
   * `"127.0.0.1"`.
   */
  host?: string;
  /**
   * Further names under which a browser reaches it, such as that of a proxy: requests that name any
   * other host are refused. Default: none.
   */
  hosts?: readonly string[];
  /**
   * What has to be known to see anything, at least 16 characters: typed into the page's form, or
   * sent as `Authorization: Bearer <token>`. Default: none; whoever is on this machine may look.
   */
  token?: string;
  /**
   * Whether the page may act: restart and terminate children, pause, resume and move cluster groups,
   * retry and drop dead letters. Needs a `token`. Default false.
   */
  actions?: boolean;
  /** Whether dead letters are shown with their values. Default false: keys and errors only. */
  values?: boolean;
}

const minToken = 16;

const schema = {
  ...childSchema,
  id: option(nonEmptyString, "inspector"),
  port: option((name, value) => integer(name, value, 0, 65_535), 4040),
  host: option(nonEmptyString, "127.0.0.1"),
  hosts: option((name, value): readonly string[] => {
    if (Array.isArray(value)) return value.map((host) => nonEmptyString(name, host));
    throw OptionError.invalid(name, "an array of host names", value);
  }, []),
  token: {
    read: readToken,
    fallback: (name: string, { host }: { host: string }): string | undefined => {
      if (isLoopback(host)) return undefined;
      throw OptionError.invalid(
        name,
        `a string of at least ${minToken} characters, since ${host} is not only this machine`,
        undefined,
      );
    },
    isLive: false,
  },
  actions: option((name, value, { token }: { token: string | undefined }) => {
    if (!boolean(name, value) || token !== undefined) return value === true;
    throw OptionError.invalid(name, "false without a token", value);
  }, false),
  values: option(boolean, false),
} satisfies SchemaOf<InspectorOptions>;

/** The value of a token is in no message. */
function readToken(name: string, value: unknown): string {
  if (typeof value === "string" && value.length >= minToken && !/[^\x21-\x7e]/.test(value))
    return value;
  throw new OptionError(
    name,
    `invalid value for option "${name}": expected a string of at least ${minToken} characters (letters, digits, punctuation; no spaces)`,
  );
}

const addresses = new WeakMap<ActorRef, InspectorAddress>();

/**
 * Where an inspector can be reached.
 *
 * @param ref of its actor: what `startChild` or `whichChildren` of its supervisor gives
 * @throws {@link OptionError} for any other actor
 */
export function inspectorAddress(ref: ActorRef<never>): InspectorAddress {
  const address = ActorRef.isRef(ref) ? addresses.get(ref) : undefined;
  if (address === undefined) throw OptionError.invalid("ref", "the ref of an inspector", ref);
  return address;
}

/**
 * A child spec of an inspector: a web server with one page, which shows the supervision tree that it
 * is in, and the streams, groups and caches there, as they are now and as they change. Put it first
 * in a children list, where no restart of its siblings reaches it. It looks only while a page is open, at most four times a second, and takes no
 * more than a fiftieth of the time for that. What has happened (exits, restarts, gaps, dead letters,
 * changes of owners) it notes in any case, the last 1000.
 *
 * By default it listens on this machine only, and shows no values. It does not keep the process
 * alive. Its address is published on the channel `nebulex.inspector.listening`. The start fails with
 * {@link OptionError} where the port is in use.
 *
 * @throws {@link OptionError}
 */
export function inspector(options: InspectorOptions = {}): ChildSpec {
  const resolved = readOptions("inspector", schema, options);
  return makeChildSpec(resolved, "worker", async (parent) => {
    const life = new InspectorLife(resolved);
    return await parent[spawnIn](life, { id: resolved.id }).ready;
  });
}

class InspectorLife implements Behavior<undefined, unknown> {
  readonly #options: Resolved<typeof schema>;
  #unfollow: (() => void) | undefined;
  #server: InspectorServer | undefined;

  constructor(options: Resolved<typeof schema>) {
    this.#options = options;
  }

  async init({ self, system }: ActorContext): Promise<undefined> {
    const page = findPage();
    if (page === undefined)
      throw new Error("the inspector's page is not beside its code: don't bundle nebulex-streams");
    const source = new ProcessSource(system, self as ActorRef);
    const { timeline } = source;
    const server = new InspectorServer(source, {
      ...this.#options,
      assets: readAssets(page),
      acted: (done) => noteAction(timeline, done),
    });
    this.#server = server;
    ActorRef.targetOf(self).onDeath(() => void this.#end());
    const address = await server.listen();
    if (!self.alive) {
      await server.close();
      return undefined;
    }
    this.#unfollow = follow(system, timeline);
    addresses.set(self as ActorRef, address);
    report(channels.inspectorListening, () => ({ ref: self, ...address }));
    return undefined;
  }

  /** It gets no messages. */
  receive(): void {}

  async terminate(): Promise<void> {
    await this.#end();
  }

  async #end(): Promise<void> {
    this.#unfollow?.();
    this.#unfollow = undefined;
    const server = this.#server;
    this.#server = undefined;
    await server?.close();
  }
}

/** Puts an action on the timeline, and on its channel. @internal */
export function noteAction(timeline: Timeline, { action, who, done, error }: ActionReport): void {
  const status = done === null ? "error" : "ok";
  report(channels.inspectorAction, () => ({
    action: action.name,
    of: action.of,
    who,
    status,
    text: done?.text ?? reasonText(error),
    ...(done === null ? { error } : { count: done.count }),
  }));
  timeline.add(() => ({
    kind: "action",
    level: done === null ? "warn" : "info",
    text: line(`${who}: ${done?.text ?? `${action.name} failed: ${reasonText(error)}`}`),
    subject: done?.subject ?? "",
    details: [
      ["who", detail(who)],
      ["action", action.name],
      ...Object.entries(action.of).map(([name, value]): [string, string] => [name, detail(value)]),
    ],
    error: errorText(error),
  }));
}
