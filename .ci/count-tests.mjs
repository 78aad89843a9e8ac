// Prints the closing line of a test run, from the file that Jest writes with --json --outputFile.
import { readFileSync } from "node:fs";

const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(`tests: ${numPassedTests} passed, ${numFailedTests} failed`);
