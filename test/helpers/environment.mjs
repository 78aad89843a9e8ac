import { TestEnvironment } from "jest-environment-node";

/**
 * Withholds the warnings of the package, which many tests cause on purpose; prints those of a test
 * that fails. A test that expects some, or none, records them (see `recordWarnings`).
 */
export default class WarningsEnvironment extends TestEnvironment {
  #withheld = [];

  constructor(...args) {
    super(...args);
    const sandboxed = this.global.process;
    const emitWarning = sandboxed.emitWarning.bind(sandboxed);
    sandboxed.emitWarning = (warning, options, ...rest) => {
      if (options?.type !== "NebulexWarning") emitWarning(warning, options, ...rest);
      else this.#withheld.push(`NebulexWarning: ${warning}\n${options.detail}\n`);
    };
  }

  handleTestEvent({ name, test }) {
    if (name === "test_start") this.#withheld = [];
    const hasFailed = name === "hook_failure" || (name === "test_done" && test.errors.length > 0);
    if (hasFailed) process.stderr.write(this.#withheld.splice(0).join(""));
  }
}
