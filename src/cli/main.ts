import {
  commandIn,
  type DoctorOfStoresOptions,
  parseCommand,
  type TailOptions,
} from "./arguments.js";
import { BrokerFailure, failure, isDefect } from "./broker.js";
import { doctor, type Health } from "./doctor.js";
import { doctorOfStores } from "./stores-doctor.js";
import type { Output } from "./output.js";
import { listDead } from "./dead.js";
import { act } from "./act.js";
import { listStreams, showGroups } from "./groups.js";
import { type JournalConnection, NotFound, openJournal } from "./journal.js";
import type { PlaceOptions } from "./argument-values.js";
import { inspect } from "./inspect.js";
import { printable } from "./show-event.js";
import { tail } from "./tail.js";
import { top } from "./top.js";
import { tailJournal } from "./journal-tail.js";
import { helpText, shortUsage, UsageError } from "./usage.js";
import { reasonOf } from "../pubsub/broker-session.js";
import { channels } from "../telemetry/channels.js";
import type { WarningMessage } from "../telemetry/warnings.js";
import { packageVersion } from "../package-copy.js";

const exit = { ok: 0, problems: 1, notDone: 1, refused: 2, interrupted: 130 } as const;

const exitOf: Readonly<Record<Health, number>> = {
  healthy: exit.ok,
  problems: exit.problems,
  no_broker: exit.refused,
  interrupted: exit.interrupted,
};

/**
 * Runs a command.
 *
 * @param argv the arguments after the program's name
 * @returns the exit status
 * @internal
 */
export async function main(argv: readonly string[], output: Output): Promise<number> {
  const show = (message: unknown): void => output.say(warningText(message as WarningMessage));
  // In place of process warnings, which have stacks.
  channels.warning.subscribe(show);
  try {
    return await run(argv, output);
  } finally {
    channels.warning.unsubscribe(show);
  }
}

function warningText({ what, repeats, error }: WarningMessage): string {
  const more = repeats === 0 ? "" : ` (${repeats} more within a minute)`;
  return printable(
    withoutCredentials(`${what}${more}: ${reasonOf(error)}`).split("\n", 1)[0] ?? "",
  );
}

async function run(argv: readonly string[], output: Output): Promise<number> {
  try {
    const command = parseCommand(argv);
    switch (command.kind) {
      case "help":
        output.write(helpText(command.of));
        return exit.ok;
      case "version":
        output.write(`${packageVersion()}\n`);
        return exit.ok;
      case "tail":
        return await tailOf(command.options, output);
      case "inspect":
        await inspect(command.options, output);
        return exit.ok;
      case "top":
        await top(command.options, output);
        return exit.ok;
      case "doctor":
        return exitOf[await doctor(command.options, output)];
      case "stores":
        return exitOf[await storesOf(command.options, output)];
      case "streams":
        return await onJournal(command, output, listStreams);
      case "groups":
        return await onJournal(command, output, showGroups);
      case "dead":
        return await onJournal(command, output, listDead);
      case "act":
        return await onJournal(command, output, async (...of) =>
          (await act(...of)) === "done" ? exit.ok : exit.notDone,
        );
    }
  } catch (error) {
    if (error instanceof UsageError)
      output.say(`${withoutCredentials(error.message)}\n${shortUsage(commandIn(argv) ?? null)}`);
    else if (error instanceof BrokerFailure) output.say(printable(error.message));
    else if (error instanceof NotFound) {
      output.say(printable(error.message));
      return exit.notDone;
    } else throw error;
    return exit.refused;
  }
}

async function tailOf(options: TailOptions, output: Output): Promise<number> {
  const { from } = options;
  if (from !== null) return onJournal({ options: { ...options, from } }, output, tailJournal);
  await tail(options, output);
  return exit.ok;
}

async function storesOf(options: DoctorOfStoresOptions, output: Output): Promise<Health> {
  try {
    return await doctorOfStores(options, output);
  } catch (error) {
    if (output.signal.aborted) return "interrupted";
    throw isForUser(error) ? error : failure(options.broker, error);
  }
}

/** Runs a command over a connection to journals, and returns the exit status. */
async function onJournal<Options extends PlaceOptions>(
  { options }: { readonly options: Options },
  output: Output,
  run: (options: Options, connection: JournalConnection, output: Output) => Promise<number | void>,
): Promise<number> {
  const { signal } = output;
  try {
    await using connection = await openJournal(options, signal);
    return (await run(options, connection, output)) ?? exit.ok;
  } catch (error) {
    if (signal.aborted) return exit.interrupted;
    throw isForUser(error) ? error : failure(options.broker, error);
  }
}

/** Any other error comes from the engine. */
function isForUser(error: unknown): boolean {
  const own = [UsageError, NotFound, BrokerFailure];
  return own.some((type) => error instanceof type) || isDefect(error);
}

/** An argument in the wrong place may be a URL with a password. */
function withoutCredentials(text: string): string {
  return text.replace(/:\/\/[^\s'"]*@/g, "://***@");
}
