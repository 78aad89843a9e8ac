import type { JetStreamSession } from "./jetstream-session.js";
import type { StreamInfo } from "./jetstream-client.js";
import type { NatsNames } from "./nats-names.js";

/** What the settings of streams and buckets, and the limits of the account mean for a journal. @internal */
export async function natsHealth(
  session: JetStreamSession,
  names: NatsNames,
): Promise<readonly { readonly problem: string }[]> {
  const { jsm, connection } = session;
  const isClustered = connection.info?.cluster !== undefined;
  const problems: string[] = [];
  const list = async (): Promise<void> => {
    for await (const info of jsm.streams.list())
      if (names.isOurs(info.config.name)) problems.push(...problemsOf(info, isClustered));
  };
  await session.run(list());
  const account = await session.run(jsm.getAccountInfo()).catch(() => undefined);
  const { storage = 0, limits } = account ?? {};
  if (limits !== undefined && limits.max_storage > 0 && storage > 0.9 * limits.max_storage)
    problems.push(
      `the account has used ${storage} of its ${limits.max_storage} bytes of storage: when they are used up, nothing more is stored`,
    );
  return problems.map((problem) => ({ problem }));
}

function problemsOf({ config }: StreamInfo, isClustered: boolean): string[] {
  const { name } = config;
  const settings: readonly (readonly [boolean, string])[] = [
    [
      String(config.storage) === "memory",
      "is kept in memory: a restart of the server loses it; its storage has to be file",
    ],
    [
      config.max_age > 0,
      "drops what is older than its max_age, whatever groups have not handled; set it to 0",
    ],
    [
      config.max_bytes > 0,
      "drops or refuses what is beyond its max_bytes, whatever groups have not handled; set it to -1",
    ],
    [
      config.sealed || config.deny_purge,
      "can't be trimmed (sealed or deny_purge), so that it grows up to its limit of messages",
    ],
    [
      isClustered && config.num_replicas === 1,
      "is on one server of the cluster alone: without that server it can't be reached, and with its disk it is lost; set replicas to 3",
    ],
  ];
  return settings.flatMap(([isSo, what]) => (isSo ? [`stream ${name} ${what}`] : []));
}
