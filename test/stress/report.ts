/** What Jest's `--json` says of a run, as far as it is read here. */
export interface RunResult {
  readonly testResults: readonly {
    readonly name: string;
    /** Why the file failed as a whole. */
    readonly message: string;
    readonly status: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** A test that failed, in one round or in several. */
export interface Failure {
  readonly test: string;
  times: number;
  /** What makes a property fail again, each once: fast-check's seed and path, or a seed of the test's own. */
  readonly seeds: Set<string>;
  /** The first lines of the first message. */
  readonly message: string;
}

/** The failures of several runs, by test, the most frequent first. */
export function failuresOf(runs: readonly RunResult[]): Failure[] {
  const failures = new Map<string, Failure>();
  const add = (test: string, messages: readonly string[]): void => {
    const text = messages.join("\n");
    const failure = failures.get(test) ?? { test, times: 0, seeds: new Set(), message: head(text) };
    failures.set(test, failure);
    failure.times++;
    for (const seed of seedsIn(text)) failure.seeds.add(seed);
  };
  for (const { testResults } of runs)
    for (const { name, status, message, assertionResults } of testResults) {
      const file = name.replace(/^.*?\/(?=test\/)/, "");
      const failed = assertionResults.filter((one) => one.status === "failed");
      for (const one of failed) add(`${file}: ${one.fullName}`, one.failureMessages ?? []);
      if (status === "failed" && failed.length === 0) add(file, [message]);
    }
  return [...failures.values()].sort((a, b) => b.times - a.times);
}

/** One paragraph for each test. */
export function formatFailures(failures: readonly Failure[], rounds: number): string {
  return failures
    .map(({ test, times, seeds, message }) => {
      const lines = [`${times} of ${rounds}  ${test}`];
      for (const seed of seeds) lines.push(`  ${seed}`);
      return [...lines, message.replace(/^/gm, "    ")].join("\n");
    })
    .join("\n\n");
}

function seedsIn(text: string): string[] {
  const ofProperties = /\{ seed: (-?\d+), path: "([\d:]*)"/g;
  const found = [...text.matchAll(ofProperties)].map(
    ([, seed, path]) => `seed ${seed}, path "${path}"`,
  );
  if (found.length > 0) return found;
  return [...text.matchAll(/\bseed\W{1,4}(-?\d+)/gi)].map(([, seed]) => `seed ${seed}`);
}

function head(text: string): string {
  return plain(text).trim().split("\n").slice(0, 6).join("\n");
}

/** Without colors. */
function plain(text: string): string {
  return text.replace(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g"), "");
}
