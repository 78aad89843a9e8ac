const shown = 10;

/** Prints at the end of a run which test files took longest; a Jest reporter. */
export default class SlowestReporter {
  onRunComplete(_contexts, { testResults }) {
    if (testResults.length <= shown) return;
    const files = testResults
      .map(({ testFilePath, perfStats: { start, end } }) => [(end - start) / 1000, testFilePath])
      .sort(([a], [b]) => b - a)
      .slice(0, shown);
    const lines = files.map(
      ([seconds, path]) =>
        `${seconds.toFixed(1).padStart(7)} s  ${path.replace(/^.*\/test\//, "test/")}`,
    );
    process.stderr.write(`\nSlowest test files:\n${lines.join("\n")}\n`);
  }
}
