import { createHash } from "node:crypto";

/** A Lua script, which the server runs as one atomic step. @internal */
export interface RedisScript {
  /** Shown in errors. */
  readonly name: string;
  readonly source: string;
  /** The SHA-1 of the source, by which the server knows it. */
  readonly sha: string;
}

/**
 * What all scripts may use. Numbers reach 2^53: `int` prints all digits of them, which `..` does
 * not.
 */
const common = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function int(number) return string.format('%.0f', number) end
local function tell(channel)
  -- A hint that may get lost: what the script has done stands without it.
  if channel ~= '' then redis.pcall('PUBLISH', channel, '') end
end
`;

/** @param parts Lua source, in its order @internal */
export function script(name: string, ...parts: string[]): RedisScript {
  const source = `-- nebulex-streams: ${name}\n${[common, ...parts].map((part) => part.trim()).join("\n")}\n`;
  return { name, source, sha: createHash("sha1").update(source).digest("hex") };
}
