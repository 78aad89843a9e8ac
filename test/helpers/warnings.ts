import { beforeEach, jest } from "@jest/globals";

/**
 * Records the process warnings of each test of a file (or of a `describe`), as text and options; to
 * be called outside of the tests.
 */
export function recordWarnings(): readonly string[] {
  const warnings: string[] = [];
  beforeEach(() => {
    warnings.length = 0;
    jest.spyOn(process, "emitWarning").mockImplementation((warning, options) => {
      warnings.push(`${String(warning)} ${JSON.stringify(options)}`);
    });
  });
  return warnings;
}
