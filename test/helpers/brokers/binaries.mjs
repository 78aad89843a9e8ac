import { execFile } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

/** The servers that tests start, each with the Debian package of the same name. */
export const brokers = ["redis-server", "nats-server"];

// A user's PATH often lacks the folders of what an administrator starts.
const folders = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin"];

/** The path of a program; none: undefined. */
export function findBinary(name) {
  const places = [...(process.env["PATH"] ?? "").split(delimiter), ...folders];
  return places
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** What to do about servers that are missing. */
export function instruction(missing) {
  return `missing: ${missing.join(", ")}. The tests of Redis and NATS need them; on Debian and Ubuntu: apt-get install ${missing.join(" ")}`;
}

/** Installs those that are missing, where that is possible without asking; gives those that are still missing. */
export async function installMissing(names = brokers) {
  const missing = names.filter((name) => findBinary(name) === undefined);
  const canInstall = process.getuid?.() === 0 && existsSync("/etc/debian_version");
  if (missing.length === 0 || !canInstall) return missing;
  try {
    await withoutServices(() => aptInstall(missing));
  } catch (error) {
    console.warn(`could not install ${missing.join(", ")}: ${String(error)}`);
  }
  return missing.filter((name) => findBinary(name) === undefined);
}

const minutes = 60_000;
// What the packages' scripts ask whether they may start a service.
const policy = "/usr/sbin/policy-rc.d";

/** Only the programs are wanted. */
async function withoutServices(install) {
  const isOurs = await writeFile(policy, "#!/bin/sh\nexit 101\n", { flag: "wx", mode: 0o755 }).then(
    () => true,
    () => false,
  );
  try {
    await install();
  } finally {
    if (isOurs) await rm(policy, { force: true });
  }
}

async function aptInstall(packages) {
  const run = promisify(execFile);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const waiting = ["-o", "DPkg::Lock::Timeout=120", "-qq"];
  await run("apt-get", [...waiting, "update"], { env, timeout: 5 * minutes });
  const options = ["-y", "--no-install-recommends", "install"];
  await run("apt-get", [...waiting, ...options, ...packages], { env, timeout: 10 * minutes });
}
