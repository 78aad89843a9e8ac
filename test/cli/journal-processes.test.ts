import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { main } from "../../src/cli/main.js";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startNats, startRedis, startRedisCluster, tellRedis } from "../helpers/brokers/servers.js";
import { Built } from "../helpers/built.js";
import { projectRoot } from "../helpers/project-root.js";
import { FakePage } from "../inspector/client.js";
import { buildPage } from "../inspector/page.js";
import { TestOutput } from "./journal-fixture.js";
import { journalNodeProgram } from "./journal-program.js";
import { Program } from "./program.js";

let built: Built;
beforeAll(async () => {
  built = await Built.make();
  await writeFile(join(built.folder, "journal-node.js"), journalNodeProgram);
  await buildPage();
  const page = join(projectRoot, "dist", "inspector");
  await cp(page, join(built.folder, "inspector", "inspector"), { recursive: true });
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

const cli = (...args: string[]): Program => new Program(join(built.folder, "cli.js"), args);

/** Runs a command in this process, which takes a fraction of the time. */
async function run(...argv: string[]): Promise<TestOutput & { status: number }> {
  const output = new TestOutput();
  return Object.assign(output, { status: await main(argv, output) });
}

async function printed(...argv: string[]): Promise<string> {
  const { status, out, err } = await run(...argv);
  if (status !== 0) throw new Error(`status ${status}:\n${out}\n${err}`);
  return out;
}

/** A command that runs until it is interrupted. */
function start(...argv: string[]): TestOutput & { readonly status: Promise<number> } {
  const output = new TestOutput();
  return Object.assign(output, { status: main(argv, output) });
}

interface Row {
  readonly partition: number;
  readonly owner: string | null;
  readonly fence: number;
  readonly position: number;
  readonly lag: number;
  readonly paused: boolean;
  readonly deadLetters: number;
}

const engines = [
  {
    kind: "redis",
    binary: "redis-server",
    broker: () => startRedis({ password: "s3cret" }),
    persist: (broker: Broker): Promise<unknown> =>
      tellRedis(broker, "AUTH s3cret", "CONFIG SET appendonly yes"),
    /** How much there is. */
    stored: async (broker: Broker): Promise<number> =>
      Number(/:(\d+)/.exec(await tellRedis(broker, "AUTH s3cret", "DBSIZE"))?.[1]),
  },
  {
    kind: "nats",
    binary: "nats-server",
    broker: () => startNats({ jetStream: true, args: ["--user", "ann", "--pass", "s3cret"] }),
    /** Sees to it that nothing endangers journals. */
    persist: () => Promise.resolve(),
    stored: async ({ host, port }: Broker): Promise<number> => {
      const admin = await connect({ servers: `${host}:${port}`, user: "ann", pass: "s3cret" });
      const { streams } = await (await jetstreamManager(admin)).getAccountInfo();
      await admin.close();
      return streams;
    },
  },
] as const;

for (const { kind, binary, broker: startBroker, stored, persist } of engines) {
  describeWith(binary)(`journals over ${kind}`, () => {
    let broker: Broker;
    beforeAll(async () => {
      broker = await startBroker();
    });
    afterAll(() => broker.stop());

    const url = (): string =>
      `${kind}://${kind === "redis" ? "" : "ann"}:s3cret@${broker.host}:${broker.port}`;
    const place = (): string[] => [`--${kind}`, url(), "--cache", "users"];
    const group = (): string[] => [...place(), "--group", "mailer"];
    const node = async (name: string, pool = "pool"): Promise<Program> => {
      const at = kind === "redis" ? url() : `${broker.host}:${broker.port}`;
      const file = join(built.folder, "journal-node.js");
      const program = new Program(file, [kind, at, name, pool], undefined, "pipe");
      await program.prints("started");
      return program;
    };
    const rows = async (): Promise<Row[]> => {
      const text = await printed("groups", ...group(), "--json");
      const { groups } = JSON.parse(text) as { groups: [{ partitions: Row[] }] };
      return groups[0].partitions;
    };
    const until = async (condition: (all: Row[]) => boolean): Promise<Row[]> => {
      let found: Row[] = [];
      try {
        await waitFor(async () => condition((found = await rows())), { timeout: 20_000 });
      } catch (error) {
        throw new Error(`the group is ${JSON.stringify(found)}`, { cause: error });
      }
      return found;
    };

    test("an engine without journals has none, and gets none by looking", async () => {
      const { status, err } = await run("groups", `--${kind}`, url());
      expect([status, err]).toEqual([1, "no stream has a journal in namespace nebulex\n"]);
      const top = await run("top", ...place(), "--once", "--heartbeat", "200");
      expect([top.status, top.out, top.err]).toEqual([
        1,
        "",
        "no node has a stream of cache users in namespace nebulex, nor is there a journal of one\n",
      ]);
      expect(await stored(broker)).toBe(0);
      for (const command of ["groups", "tail"]) {
        const more = command === "tail" ? ["--journal"] : [];
        const none = await run(command, ...place(), ...more);
        expect(none.status).toBe(1);
        expect(none.err).toMatch(/no stream has a journal|there is no journal of the stream/);
      }
    });

    test("a group is shown, paused, resumed, moved, and its dead letters are handled", async () => {
      await using a = await node("a");
      await using b = await node("b");
      await until((all) => new Set(all.map(({ owner }) => owner)).size === 2);
      a.send("0 fine");
      a.send("0 bad");
      b.send("1 fine");
      const before = await until(
        ([first, second]) => first?.position === 2 && second?.position === 1,
      );
      expect(before).toMatchObject([
        { lag: 0, deadLetters: 1, paused: false },
        { lag: 0, deadLetters: 0, paused: false },
      ]);
      const table = await printed("groups", ...place());
      expect(table).toMatch(/^group +mailer: a, b; 0 events wait$/m);
      expect(table).toMatch(/^0 +[ab] +\d+ +2 +0 +- +- +1$/m);

      const dead = await printed("dead", ...group());
      expect(dead).toMatch(/'0 bad' +Error: no mail \\u\{1b\}\[31m +1 +20/);
      const letter = JSON.parse(await printed("dead", ...group(), "--json"));
      expect(letter).toMatchObject({
        partition: 0,
        position: 1,
        event: { target: { key: "0 bad" }, value: 5, metadata: { position: 1 } },
      });

      const refused = await run("pause", ...group());
      expect(refused.status).toBe(2);
      expect(refused.err).toContain("there is no terminal to ask on: expected --yes, got none");
      expect(await printed("pause", ...group(), "--yes")).toBe(
        "paused 2 partitions of group mailer: 0, 1\n",
      );
      a.send("0 waits");
      await until(([first]) => first?.paused === true);
      await printed("resume", ...group(), "--partition", "0", "--yes");
      await until(([first]) => first?.position === 3);

      // It fails again, so that the dead letter rests again, after another attempt.
      const { id } = letter as { id: string };
      await printed("retry", id, ...group(), "--yes");
      await until(([first]) => first?.deadLetters === 1);
      expect(await printed("seek", "--to", "earliest", ...group(), "--yes")).toContain(
        "moved partition 0 of group mailer from position 3 to 0",
      );
      await until(([first]) => first?.position === 3);
      expect(await printed("drop", "--all", ...group(), "--yes")).toMatch(
        /^\d dead letters? of group mailer removed\n$/,
      );
      await until(([first]) => first?.deadLetters === 0);
      const gone = await run("drop", id, ...group(), "--yes");
      expect([gone.status, gone.out]).toEqual([
        1,
        "0 dead letters of group mailer removed\n1 id not found among its dead letters\n",
      ]);
      expect(await a.end()).toBe(0);
      expect(await b.end()).toBe(0);
      expect(await printed("groups", ...group(), "--once")).toMatch(/^0 +nobody /m);
      const text = await printed("groups", `--${kind}`, url());
      expect(text).toMatch(/^users +users +2 partitions, hash \w+, version 1 +- +mailer$/m);
    });

    test("tail --journal shows what is there, what comes, and what is missing", async () => {
      await using a = await node("a", "no pool");
      const tail = start("tail", ...place(), "--journal", "--from", "earliest", "--json");
      await waitFor(() => tail.out.includes('"key":"0 fine"'));
      a.send("1 new");
      await waitFor(() => tail.out.includes('"key":"1 new"'));
      tail.interrupt();
      expect(await tail.status).toBe(0);
      const positions = tail.out
        .trim()
        .split("\n")
        .map((line) => {
          const { metadata } = JSON.parse(line) as { metadata: Record<string, number> };
          return `${metadata["partition"]}@${metadata["position"]}`;
        });
      expect(positions.sort()).toEqual(["0@0", "0@1", "0@2", "1@0", "1@1"]);
      const one = start("tail", ...place(), "--journal", "--partition", "0", "--from", "2");
      await waitFor(() => one.out !== "");
      one.interrupt();
      expect(await one.status).toBe(0);
      expect(one.out).toMatch(/^\S+Z a 0 inserted put '0 waits' #2 @2 = 7\n$/);
      expect(one.out + one.err + tail.err).not.toContain("s3cret");
      expect(await a.end()).toBe(0);
    });

    test("top and inspect show who has what, and come to it when it can be reached", async () => {
      await using proxy = await Proxy.start(broker);
      await proxy.refuse();
      const far = url().replace(`:${broker.port}`, `:${proxy.port}`);
      const at = [`--${kind}`, far, "--cache", "users", "--heartbeat", "600"];
      await using late = cli("inspect", ...at, "--port", "0");
      await using d = await node("d");
      await late.prints(`the journal: can't reach ${kind}://${broker.host}:${proxy.port}: `);
      using page = await FakePage.open(Number(new URL(late.stdout.trim()).port));
      const before = await page.until(() => true);
      expect(before.about.trouble).toContain(`can't reach ${kind}://`);

      await proxy.restore();
      await until((all) => all.every(({ owner }) => owner === "d"));
      d.send("1 more");
      // It is paused.
      await until(([, second]) => (second?.lag ?? 0) > 0);
      await using top = cli("top", ...place(), "--once", "--json", "--heartbeat", "600");
      const { about, nodes } = await page.until(({ groups }) => groups.length > 0);
      expect(about.trouble).toBe(null);
      expect(nodes).toContainEqual(
        expect.objectContaining({ node: "d", over: "journal", status: "up" }),
      );
      const { groups } = await page.until(({ groups: all }) => all[1]?.owner === "d");
      expect(groups).toMatchObject([
        { group: "mailer", partition: 0, owner: "d", lag: 0, paused: false },
        { group: "mailer", partition: 1, owner: "d", lag: expect.any(Number), paused: true },
      ]);
      expect(await (await fetch(late.stdout.trim())).text()).toContain("<title>");
      expect(await late.end("SIGINT")).toBe(0);
      await expect(fetch(late.stdout.trim())).rejects.toThrow("fetch failed");
      expect(late.stdout).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/\n$/);
      expect(late.stderr).toMatch(/^nebulex-streams: the journal: can't reach .*; trying again$/m);
      // A line each, without stacks.
      expect(late.stderr).toMatch(/^(?:nebulex-streams: .*\n)+$/);

      expect(await top.status()).toBe(0);
      expect(JSON.parse(top.stdout)).toMatchObject({
        cache: "users",
        partitions: 2,
        trouble: null,
        nodes: expect.arrayContaining([expect.objectContaining({ node: "d", status: "up" })]),
        groups: groups.map(({ group, partition, owner, lag, paused }) => {
          return { group, partition, owner, lag, paused };
        }),
      });
      expect(top.stderr).toBe("");
      expect(late.stderr + top.stdout).not.toContain("s3cret");
      expect(await d.end()).toBe(0);
    });

    test("doctor looks at the journal", async () => {
      await printed("resume", ...group(), "--yes");
      const alone = await run("doctor", ...place(), "--timeout", "900", "--json");
      expect(alone.status).toBe(1);
      const { problems } = JSON.parse(alone.out) as { problems: { kind: string }[] };
      expect(problems.map((problem) => problem.kind)).toEqual(
        expect.arrayContaining(["nobody", "unowned"]),
      );
      await persist(broker);
      await using _c = await node("c");
      await until((all) => all.every(({ owner, lag }) => owner === "c" && lag === 0));
      const { status, out } = await run("doctor", ...place(), "--timeout", "900");
      expect([status, out]).toEqual([0, expect.stringContaining("All is well.")]);
      expect(out).toMatch(/^journal +(?:redis|nats), 2 partitions, hash \w+, version 1$/m);
      expect(out).toMatch(/^c +\w+ +\S+Z +lives$/m);
      expect(out).toMatch(/^0 +c +\d+ +\d +0 +- +- +0$/m);
    });

    test("a wrong password is refused, and not shown", async () => {
      const wrong = url().replace("s3cret", "wr0ng");
      const { status, err } = await run("groups", `--${kind}`, wrong);
      expect(status).toBe(2);
      expect(err).toContain(`can't use ${kind}://${broker.host}`);
      expect(err).not.toContain("wr0ng");
    });
  });
}

describeWith("redis-server")("journals in a Redis Cluster", () => {
  test("are reached by the URL of any node", async () => {
    const brokers = await startRedisCluster(3);
    try {
      const [broker] = brokers as [Broker];
      const url = `redis://${broker.host}:${broker.port}`;
      const { status, err } = await run("groups", "--redis", url);
      expect([status, err]).toEqual([1, "no stream has a journal in namespace nebulex\n"]);
    } finally {
      await Promise.all(brokers.map((broker) => broker.stop()));
    }
  });
});

describe("an engine that can't be reached", () => {
  test("ends with 2", async () => {
    const options = "--redis redis://127.0.0.1:1 --cache users --group mailer".split(" ");
    await using pause = cli("pause", ...options);
    await using top = cli("top", ...options.slice(0, 4), "--heartbeat", "300", "--once");
    for (const program of [pause, top]) {
      expect(await program.status()).toBe(2);
      expect(program.stderr).toContain("can't reach redis://127.0.0.1:1: ");
      expect(program.stdout).toBe("");
    }
  });
});
