import type { Milliseconds } from "../options.js";
import { RefusedError, type Session, toError } from "../pubsub/broker-session.js";
import {
  asFailure,
  type RedisArguments,
  type RedisNodeConnection,
} from "../pubsub/redis-client.js";
import type { RedisScript } from "./redis-script.js";

/** The connection of a journal, until it breaks: then another one is made. @internal */
export interface RedisLink extends Session {
  /** Blocking reads; undefined in a cluster, where no command can read several partitions. */
  readonly reading: BlockingReads | undefined;
  connect(): Promise<void>;
  /** Sends a command to the server that has the key. */
  send(key: string, args: RedisArguments, buffers?: boolean): Promise<unknown>;
  subscribe(channel: string, onMessage: () => void): Promise<void>;
  unsubscribe(channel: string): Promise<void>;
  /** A connection to each server that holds a part of the journal. */
  servers(): readonly RedisNodeConnection[];
}

/** A connection on which one read at a time may wait. @internal */
export interface BlockingReads {
  /** How long a read may wait. */
  readonly block: Milliseconds;
  read(args: RedisArguments): Promise<unknown>;
  /** Whether the server permits `interrupt`. */
  readonly canInterrupt: boolean;
  /** Ends a read, if it is waiting. Never rejects. */
  interrupt(): Promise<void>;
}

/** Runs a script, which the server may have to be sent first. @internal */
export async function runScript(
  link: RedisLink,
  script: RedisScript,
  keys: readonly string[],
  args: RedisArguments,
  { buffers = false, onMissing }: { buffers?: boolean; onMissing?: () => void } = {},
): Promise<unknown> {
  const [key] = keys as [string];
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await link.send(key, ["EVALSHA", script.sha, ...rest], buffers);
  } catch (error) {
    if (!toError(error).message.startsWith("NOSCRIPT")) throw asCommandFailure(error, script.name);
  }
  onMissing?.();
  try {
    return await link.send(key, ["EVAL", script.source, ...rest], buffers);
  } catch (error) {
    throw asCommandFailure(error, script.name);
  }
}

// The second line: what a script was not permitted.
const denied =
  /^NOPERM\b|The user executing the script can't|has no permissions|No permissions to access/;

/** An error of the server, which says what was refused. @internal */
export function asCommandFailure(error: unknown, what: string): Error {
  if (error instanceof RefusedError) return error;
  const { message } = toError(error);
  if (denied.test(message)) return new RefusedError(error, `${what} is not permitted: ${message}`);
  if (message.includes("WRONGTYPE"))
    return new Error(`${what}: a key of the journal has another type: ${message}`, {
      cause: error,
    });
  if (message === "Disconnects client")
    return new Error(`${what}: the connection was lost before the server answered`, {
      cause: error,
    });
  return asFailure(error);
}
