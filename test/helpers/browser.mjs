import { findBinary, installMissing } from "./brokers/binaries.mjs";

const debianName = "chromium";
const names = [debianName, "chromium-browser", "google-chrome"];

/** What to do where there is no browser. */
export const instruction =
  "missing: Chromium. The tests of the documentation's site and of the inspector's page need it; on Debian: apt-get install chromium. CHROMIUM_PATH names one that is elsewhere";

/** The path of a Chromium: CHROMIUM_PATH, or one on the PATH; none: undefined. */
export function findBrowser() {
  const given = process.env["CHROMIUM_PATH"];
  if (given !== undefined && given !== "") return given;
  return names.map(findBinary).find((path) => path !== undefined);
}

/** Once for the tests in a browser: there is a browser, or it is said how to get one. */
export default async function setUp() {
  if (findBrowser() === undefined) await installMissing([debianName]);
  if (findBrowser() === undefined) console.warn(`\n${instruction}`);
}
