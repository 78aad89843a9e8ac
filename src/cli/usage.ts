/** A wrong command line; its message is one line for the user. @internal */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** @internal */
export const defaults = { namespace: "nebulex", heartbeat: 3000, port: 4040 } as const;

const groupCommandNames = ["groups", "pause", "resume", "seek", "dead", "retry", "drop"] as const;

/** @internal */
export const commandNames = ["inspect", "top", "tail", "doctor", ...groupCommandNames] as const;

/** A command about cluster groups. @internal */
export type GroupCommandName = (typeof groupCommandNames)[number];

/** @internal */
export type CommandName = (typeof commandNames)[number];

const place = `  --redis URL        redis://[user:password@]host[:port], rediss: for TLS, or unix:/path
  --sentinel HOSTS   Redis Sentinels, as [redis://user:password@]host[:port], several with commas:
                     then the host in --redis is the name of the master that they watch
  --nats URL         nats://[user:password@]host[:port], tls: for TLS; several with commas
  --cache NAME       the cache's name
  --name NAME        the instance's name, where it is not the cache's
  --namespace NAME   the namespace of the nodes' pubsubs and journals (default ${defaults.namespace})
`;
const connection = `${place}  --heartbeat MS     the heartbeat of the nodes' pubsubs (default ${defaults.heartbeat})
`;
const group = `${place}  --group NAME       the cluster group
`;
const onePartition = `  --partition N      only this one
`;
const acting = `  --yes              don't ask; needed where there is no terminal
  --json             print what was done as one JSON object
  --help             print this text

Exit status: 0 done; 1 there is no such stream, group or dead letter, or the answer was no; 2 a bad
option, nobody to ask, or an engine that can't be used.
`;

const texts: Record<CommandName, string> = {
  inspect: `Serves a page about the nodes of a cache's streams: partitions, cluster groups, dead letters, what happened.

Usage: nebulex-streams inspect (--redis URL | --nats URL) --cache NAME [options]

${connection}  --port N           the port on this machine, 0 for any free one (default ${defaults.port})
  --values           show the values of dead letters, too
  --json             print the page's address as one JSON object
  --help             print this text

Prints the page's address, and runs until interrupted. Only this machine can connect. Exit status: 0
interrupted; 2 a bad option, a port that is in use, or a broker that refuses. What can't be reached
is tried again.
`,
  top: `Shows the nodes and the cluster groups of a cache's streams in a table, with their rates.

Usage: nebulex-streams top (--redis URL | --nats URL) --cache NAME [options]

${connection}  --once             print the table once; on a terminal it is refreshed until interrupted
  --json             print one JSON object
  --help             print this text

Exit status: 0 printed or interrupted; 1 with --once: no node has such a stream, nor has a journal;
2 a bad option, or a broker that can't be used.
`,
  tail: `Shows the events of a cache's streams on all nodes as they happen, and what was lost on the way.

Usage: nebulex-streams tail (--redis URL | --nats URL) --cache NAME [options]

${connection}  --events TYPES     only these, with commas: inserted, updated, deleted, expired, evicted
${onePartition}  --journal          read the stream's journal, for nodes that have one and no pubsub
  --from PLACE       with --journal: earliest, latest (the default), or a position
  --json             one JSON object a line; bigints, Dates, Maps and the like as
                     {"$bigint": "1"}, {"$date": 0}, {"$map": [[1, 2]]}, {"$set": []}, {"$bytes": "AA=="}
  --help             print this text

Runs until interrupted. Exit status: 0 interrupted; 1 there is no such journal; 2 a bad option, or a
broker that refuses.
`,
  doctor: `Says which nodes have a stream of a cache, how they are, and what is wrong. With --redis and
without --cache: the stores that processes share (redisAdapter), and what is wrong with them.

Usage: nebulex-streams doctor (--redis URL [--cache NAME] | --nats URL --cache NAME) [options]

${connection}  --timeout MS       how long to watch (default one and a half heartbeats); without --cache: how
                     long the engine has to answer (default 5000)
  --json             print one JSON object
  --help             print this text

Exit status: 0 all is well; 1 something is wrong; 2 a bad option, or the broker can't be reached.
`,
  groups: `Shows the cluster groups of a stream: who has each partition, and how far it is. Without --cache:
the streams that have a journal.

Usage: nebulex-streams groups (--redis URL | --nats URL) [--cache NAME] [options]

${group}${onePartition}  --once             print the table once; on a terminal it is refreshed until interrupted
  --json             print one JSON object
  --help             print this text

Exit status: 0 printed or interrupted; 1 there is no such stream or group; 2 a bad option, or an
engine that can't be used.
`,
  pause: `Pauses a cluster group: nothing more is handled until it is resumed.

Usage: nebulex-streams pause (--redis URL | --nats URL) --cache NAME --group NAME [options]

${group}${onePartition}${acting}`,
  resume: `Resumes a cluster group that was paused.

Usage: nebulex-streams resume (--redis URL | --nats URL) --cache NAME --group NAME [options]

${group}${onePartition}${acting}`,
  seek: `Lets a cluster group go on from elsewhere in the journal.

Usage: nebulex-streams seek (--redis URL | --nats URL) --cache NAME --group NAME --to PLACE [options]

${group}  --to PLACE         earliest (the oldest event that is kept), latest (the next one), or a position
  --partition N      only this one; needed with a position where there are several
${acting}`,
  dead: `Lists the dead letters of a cluster group: the events that it has given up.

Usage: nebulex-streams dead (--redis URL | --nats URL) --cache NAME --group NAME [options]

${group}${onePartition}  --limit N          how many at most (default 100)
  --json             print one JSON object a line, with the whole event
  --help             print this text

Exit status: 0 listed; 1 there is no such stream or group; 2 a bad option, or an engine that can't
be used.
`,
  retry: `Has dead letters of a cluster group handled again.

Usage: nebulex-streams retry (--redis URL | --nats URL) --cache NAME --group NAME (ID... | --all) [options]

${group}  --all              all dead letters of the group
${acting}`,
  drop: `Removes dead letters of a cluster group.

Usage: nebulex-streams drop (--redis URL | --nats URL) --cache NAME --group NAME (ID... | --all) [options]

${group}  --all              all dead letters of the group
${acting}`,
};

const general = `Usage: nebulex-streams COMMAND [options]

  inspect    serve a page about the nodes of a cache's streams
  top        show them in a table, refreshed
  tail       show the events of a cache's streams on all nodes as they happen
  doctor     say which nodes there are, how they are, and what is wrong

Of cluster groups, which are kept in a journal:

  groups     show who has each partition, how far it is, and what waits
  pause      handle nothing more
  resume     go on
  seek       go on from elsewhere
  dead       list the events that were given up
  retry      have such events handled again
  drop       remove such events

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
