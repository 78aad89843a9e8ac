import { commandIn, parseCommand } from "./arguments.js";
import { BrokerFailure } from "./broker.js";
import { doctor, type Health } from "./doctor.js";
import type { Output } from "./output.js";
import { tail } from "./tail.js";
import { helpText, shortUsage, UsageError } from "./usage.js";
import { packageVersion } from "../package-copy.js";

const exit = { ok: 0, problems: 1, refused: 2, interrupted: 130 } as const;

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
        await tail(command.options, output);
        return exit.ok;
      case "doctor":
        return exitOf[await doctor(command.options, output)];
    }
  } catch (error) {
    if (error instanceof UsageError)
      output.say(`${withoutCredentials(error.message)}\n${shortUsage(commandIn(argv) ?? null)}`);
    else if (error instanceof BrokerFailure) output.say(error.message);
    else throw error;
    return exit.refused;
  }
}

/** An argument in the wrong place may be a URL with a password. */
function withoutCredentials(text: string): string {
  return text.replace(/:\/\/[^\s'"]*@/g, "://***@");
}
