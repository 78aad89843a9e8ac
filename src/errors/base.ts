import { inspect } from "node:util";
import { describeOtherCopy } from "../package-copy.js";

/**
 * What every error of this package has in common: a stable `code`, and a `name` equal to its class.
 */
export abstract class NebulexError extends Error {
  /** Stable identifier of the failure, e.g. `"E_OPTION"`. */
  abstract readonly code: string;
  /** The class's name, also where a bundler has renamed the class. */
  abstract override readonly name: string;
}

/** Shows a value in a message: short, on one line, whatever it is. */
export function show(value: unknown): string {
  let text: string;
  let copy: string | undefined;
  try {
    copy = describeOtherCopy(value);
    text = inspect(value, {
      depth: 1,
      breakLength: Infinity,
      maxArrayLength: 5,
      maxStringLength: 100,
    });
  } catch {
    text = Object.prototype.toString.call(value);
  }
  const short = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  return copy === undefined ? short : `${short}, ${copy}`;
}

/** A wrong or unknown option, or a field of a child spec. Thrown where the option is given. */
export class OptionError extends NebulexError {
  readonly code = "E_OPTION";
  override readonly name: string = "OptionError";
  /** The option's name. */
  readonly option: string;

  constructor(option: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.option = option;
  }

  /** `invalid value for option "partition": expected an integer >= 0, got: 10` */
  static invalid(option: string, expected: string, value: unknown): OptionError {
    // Not by its name: a bundler renames a class that refers to itself.
    return new this(
      option,
      `invalid value for option "${option}": expected ${expected}, got: ${show(value)}`,
    );
  }
}
