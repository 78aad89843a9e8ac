import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import type { Command, Noted } from "./commands.js";

/**
 * Notes of a writer, in a file: a command before it is sent, and what became of it. They are there
 * also when the process is killed.
 */
export class Notes {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "w");
  }

  begin(number: number, command: Command): void {
    this.#write([number, command]);
  }

  end(number: number, fate: Noted["fate"], result: unknown): void {
    this.#write([number, fate, result]);
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(fields: readonly unknown[]): void {
    writeSync(this.#file, `${JSON.stringify(fields)}\n`);
  }
}

/** All commands of a writer's life. Of one that has no end, the fate is unknown. */
export function readNotes(path: string, node: string, life: number): Noted[] {
  const noted = new Map<number, Noted>();
  for (const line of readFileSync(path, "utf8").split("\n")) {
    if (line === "") continue;
    const [number, what, result] = JSON.parse(line) as [number, Command | Noted["fate"], unknown];
    if (typeof what === "object") noted.set(number, { ...what, node, life, fate: "unknown" });
    else noted.set(number, { ...(noted.get(number) as Noted), fate: what, result });
  }
  return [...noted.values()];
}
