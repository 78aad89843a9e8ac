// Prints the closing line of the test runs, from the files that Jest writes with --json --outputFile.
import { readFileSync } from "node:fs";

const reports = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf8")));
const sum = (field) => reports.reduce((total, report) => total + report[field], 0);
console.log(`tests: ${sum("numPassedTests")} passed, ${sum("numFailedTests")} failed`);
