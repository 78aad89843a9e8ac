/** A wrong command line; its message is one line for the user. @internal */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @internal */
export const defaults = { namespace: "nebulex", heartbeat: 3000 } as const;

/** @internal */
export type CommandName = "tail" | "doctor";

const connection = `  --redis URL        redis://[user:password@]host[:port], rediss: for TLS, or unix:/path
  --sentinel HOSTS   Redis Sentinels, as [redis://user:password@]host[:port], several with commas:
                     then the host in --redis is the name of the master that they watch
  --nats URL         nats://[user:password@]host[:port], tls: for TLS; several with commas
  --cache NAME       the cache's name
  --name NAME        the instance's name, where it is not the cache's
  --namespace NAME   the namespace of the nodes' pubsubs (default ${defaults.namespace})
  --heartbeat MS     the heartbeat of the nodes' pubsubs (default ${defaults.heartbeat})
`;

const texts: Record<CommandName, string> = {
  tail: `Shows the events of a cache's streams on all nodes as they happen, and what was lost on the way.

Usage: nebulex-streams tail (--redis URL | --nats URL) --cache NAME [options]

${connection}  --events TYPES     only these, with commas: inserted, updated, deleted, expired, evicted
  --partition N      only this one
  --json             one JSON object a line; bigints, Dates, Maps and the like as
                     {"$bigint": "1"}, {"$date": 0}, {"$map": [[1, 2]]}, {"$set": []}, {"$bytes": "AA=="}
  --help             print this text

Runs until interrupted. Exit status: 0 interrupted; 2 a bad option, or a broker that refuses.
`,
  doctor: `Says which nodes have a stream of a cache, how they are, and what is wrong.

Usage: nebulex-streams doctor (--redis URL | --nats URL) --cache NAME [options]

${connection}  --timeout MS       how long to watch (default one and a half heartbeats)
  --json             print one JSON object
  --help             print this text

Exit status: 0 all is well; 1 something is wrong; 2 a bad option, or the broker can't be reached.
`,
};

const general = `Usage: nebulex-streams COMMAND [options]

  tail       show the events of a cache's streams on all nodes as they happen
  doctor     say which nodes there are, how they are, and what is wrong

  --help     print this text, or that of the command
  --version  print the version
`;

/** @internal */
export function helpText(command: CommandName | null): string {
  return command === null ? general : texts[command];
}

/** What follows an error message. @internal */
export function shortUsage(command: CommandName | null): string {
  const lines = helpText(command).split("\n");
  const usage = lines.find((line) => line.startsWith("Usage: ")) as string;
  const more = command === null ? "" : ` ${command}`;
  return `${usage}\nTry: nebulex-streams${more} --help\n`;
}
