import { describe, expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import {
  natsAddress,
  redisAddress,
  refuseOption,
  withoutSecrets,
} from "../../src/pubsub/broker-address.js";
import { natsPubSub } from "../../src/nats.js";
import { redisPubSub } from "../../src/redis.js";
import { thrown } from "./transports.js";

const redis = (url: string) => redisAddress(url, refuseOption("url"));
const nats = (servers: string | string[]) => natsAddress(servers, refuseOption("servers"));

describe("an address of Redis", () => {
  test.each([
    ["redis://h", { socket: { host: "h" }, tls: false, shown: "redis://h" }],
    ["redis://h/", { socket: { host: "h" }, database: undefined, shown: "redis://h" }],
    ["redis://[::1]:7/3", { socket: { host: "::1", port: 7 }, database: 3 }],
    ["redis://h:80", { socket: { host: "h", port: 80 } }],
    [
      "rediss://ann:s%40%25crit@h:1/2",
      { user: "ann", password: "s@%crit", tls: true, database: 2, shown: "rediss://h:1/2" },
    ],
    ["redis://:secret@h", { user: undefined, password: "secret" }],
    [
      "unix:/run/redis.sock",
      { socket: { path: "/run/redis.sock" }, shown: "unix:/run/redis.sock" },
    ],
    [
      "unix://ann:secret@/run/a%20b?db=2",
      { socket: { path: "/run/a b" }, user: "ann", password: "secret", database: 2 },
    ],
  ])("%s", (url, address) => {
    expect(redis(url)).toMatchObject({ kind: "redis", urls: [url], ...address });
  });

  test.each([
    ["", "a URL (redis:, rediss:, unix:), got: nothing"],
    ["localhost:6379", `a URL (redis:, rediss:, unix:), got: "localhost:6379"`],
    ["http://h", `a URL (redis:, rediss:, unix:), got: "http://h"`],
    ["redis:///1", "a host in the URL"],
    ["redis://a:1,b:2", "a URL (redis:, rediss:, unix:)"],
    ["redis://a,b", "one host in the URL"],
    ["redis://h:99999", "a URL"],
    ["redis://h/x", `a database number, or nothing, behind the host, got: "redis://h/x"`],
    ["redis://h/-1", "a database number"],
    ["redis://h/1.5", "a database number"],
    ["redis://h/1?db=2", "a database number"],
    ["redis://h/12345678901", "a database number"],
    ["redis://u:50%@h", `a password with "%" written as "%25"`],
    ["redis://u%:p@h", `a user with "%" written as "%25"`],
    ["redis://u:p@h#x", `a URL with "#" written as "%23"`],
    ["redis://u@h", "a password with the user"],
    ["unix:", "a path in the URL"],
    ["unix:/s?db=x", `"?db=" and a database number`],
  ])("%j is refused", (url, message) => {
    const error = thrown(() => redisPubSub({ url }));
    expect(error).toMatchObject({ name: "OptionError", option: "url" });
    expect(String(error)).toContain(`expected ${message}`);
  });

  test.each([
    ["rootNodes of two users", [{ url: "redis://a:s3cret@h" }, { url: "redis://b:s3cret@h" }]],
    ["a database of a cluster", [{ url: "redis://:s3cret@h/1" }]],
    ["a node that is a URL", ["redis://:s3cret@h"]],
    ["a node with a wrong URL", [{ url: "http://:s3cret@h" }]],
    ["no array", { url: "redis://:s3cret@h" }],
  ])("%s: refused", (_, rootNodes) => {
    const error = thrown(() => redisPubSub({ rootNodes, sharded: true } as never));
    expect(error).toMatchObject({ name: "OptionError", option: "rootNodes" });
    expect(String(error)).not.toContain("s3cret");
  });

  test.each([
    ["a password", "redis://:a@h", { password: "s3cret" }],
    ["a database", "redis://h/1", { database: 2 }],
    ["a host", "redis://h", { socket: { host: "other" } }],
    ["TLS", "redis://:s3cret@h", { socket: { tls: true } }],
    ["no TLS", "rediss://:s3cret@h", { socket: { tls: false } }],
  ])("%s in options, which the URL contradicts: refused", (_, url, options) => {
    const error = thrown(() => redisPubSub({ url, options } as never));
    expect(error).toMatchObject({ name: "OptionError", option: "options" });
    expect(String(error)).not.toContain("s3cret");
  });
});

describe("an address of NATS", () => {
  test.each([
    ["h", { servers: ["h"], urls: ["nats://h"], tls: false }],
    ["[::1]:3", { servers: ["[::1]:3"] }],
    [
      "nats://ann:s@a:1, b:2,tls://c",
      { servers: ["a:1", "b:2", "c"], user: "ann", password: "s", tls: true },
    ],
    ["nats://t%2Fken@h", { user: "t/ken", password: undefined, secrets: ["t%2Fken", "t/ken"] }],
    ["nats://a:p@h,nats://a:p@i", { user: "a", password: "p", shown: "nats://h,nats://i" }],
  ])("%s", (text, address) => {
    expect(nats(text)).toMatchObject({ kind: "nats", ...address });
    expect(nats(text.split(","))).toEqual(nats(text));
  });

  test.each([
    ["", "a URL (nats:, tls:), got: nothing"],
    ["a,,b", "a URL (nats:, tls:)"],
    ["ws://h", "a URL (nats:, tls:)"],
    ["wss://h", "a URL (nats:, tls:)"],
    ["nats://", "a host in the URL"],
    ["nats://:1", "a URL (nats:, tls:)"],
    ["nats://h:x", "a URL (nats:, tls:)"],
    ["nats://999.1.1.1", "one host in the URL"],
    ["nats://h/1", "nothing behind host and port"],
    ["nats://u:50%@h", `a password with "%" written as "%25"`],
    ["nats://:p@h", "a user in front of the password"],
    ["u:p@h", "nats:// or tls:// before user and password"],
    ["nats://u:1234,5@h", "nats:// or tls:// before user and password"],
    ["nats://a:p@h,nats://b:p@i", "the same user and password in all URLs"],
  ])("%j is refused", (servers, message) => {
    const error = thrown(() => natsPubSub({ servers }));
    expect(error).toMatchObject({ name: "OptionError", option: "servers" });
    expect(String(error)).toContain(`expected ${message}`);
  });

  test.each([
    ["a token", "nats://u:p@h", { token: "s3cret" }],
    ["no TLS", "tls://u:s3cret@h", { tls: null }],
  ])("%s in options, which the URL contradicts: refused", (_, servers, options) => {
    const error = thrown(() => natsPubSub({ servers, options } as never));
    expect(error).toMatchObject({ name: "OptionError", option: "options" });
    expect(String(error)).not.toContain("s3cret");
  });
});

function errorOf(fn: () => unknown): Error[] {
  try {
    fn();
    return [];
  } catch (error) {
    return [error as Error];
  }
}

describe("a password", () => {
  // Letters that occur nowhere else in an address or a message, and characters special in URLs.
  const password = fc
    .array(fc.constantFrom(...":/?#@,%[]\\ \n12".split(""), "QXQ"), { maxLength: 8 })
    .map((parts) => `QXQ${parts.join("")}QXQ`);
  const templates = [
    "redis://ann:P@host",
    "rediss://ann:P@host:1/2",
    "redis://:P@host/x",
    "redis://ann:P@",
    "redis:ann:P@host",
    "http://ann:P@host",
    "ann:P@host",
    "redis://ann:P",
    "unix://ann:P@/path?db=x",
    "nats://ann:P@host",
    "nats://P@host",
    "tls://ann:P@host/x",
    "nats://a,nats://ann:P@host:x",
    "nats://ann:P@a,nats://bob:P@b",
    "wss://ann:P@host",
  ] as const;
  const url = fc
    .tuple(fc.constantFrom(...templates), password, fc.boolean())
    .map(([text, word, encode]) => {
      // Without a host, what follows an "@" may be a part of the password.
      const cut = text.endsWith("P") ? word.replaceAll("@", "") : word;
      return text.replaceAll("P", () => (encode ? encodeURIComponent(cut) : cut));
    });

  test("is in no error of a factory, whatever is wrong", () => {
    const attempts = (text: string): (() => unknown)[] => [
      () => redisPubSub({ url: text }),
      () => redisPubSub({ url: text, sharded: true }),
      () => redisPubSub({ rootNodes: [{ url: text }], sharded: true }),
      () => redisPubSub({ url: text, options: { socket: { tls: true, host: "x" } } as never }),
      () => redisPubSub({ url: [text] } as never),
      () => redisPubSub({ url: new URL("x:y"), password: text } as never),
      () => redisPubSub({ client: { options: { url: text } } } as never),
      () => redisPubSub({ rootNodes: { url: text }, sharded: true } as never),
      () => redisPubSub({ url: "redis://h", options: [text] } as never),
      () => redisPubSub(text as never),
      () => natsPubSub({ servers: text }),
      () => natsPubSub({ servers: [text, "nats://h:1"] }),
      () => natsPubSub({ servers: { text } } as never),
      () => natsPubSub({ servers: "nats://u:p@h", options: { token: text } }),
      () => natsPubSub({ connection: { options: { servers: text } } } as never),
      () => natsPubSub(text as never),
    ];
    fc.assert(
      fc.property(url, (text) => {
        const errors = attempts(text).flatMap((attempt) => errorOf(attempt));
        expect(errors.filter(({ name }) => name !== "OptionError")).toEqual([]);
        expect(errors.map(({ stack }) => stack).join()).not.toContain("QXQ");
      }),
    );
  });

  test.each(["redis://ann:se\ncret@h", "redis://ann:se\tcret@h", " redis://h", "redis://h\r\n"])(
    "is refused in %j, which the URL class would read as another text",
    (text) => {
      expect(() => redis(text)).toThrow(
        /^invalid value for option "url": expected a URL without spaces at its ends, tabs and line breaks, got: (?!.*cret)/s,
      );
    },
  );

  test.each([
    ["redis://ann:QXQ%12@1[:2QXQ@host", redis],
    ["nats://QXQ%12@1[2QXQ@host", nats],
  ] as const)("is masked as it was given, escaped only in part: %s", (text, read) => {
    expect(withoutSecrets(`no ${text}`, read(text))).not.toContain("QXQ");
  });

  test("is not in what is shown of an address, and is masked in messages of others", () => {
    fc.assert(
      fc.property(url, (text) => {
        for (const read of [redis, nats]) {
          let address;
          try {
            address = read(text);
          } catch {
            continue;
          }
          expect(address.shown).not.toContain("QXQ");
          // A word with a ":" is a user, which is no secret, and a password.
          if (address.password !== undefined && address.user?.includes("QXQ") === true) continue;
          const said = `no ${text}, no ${address.password ?? address.user ?? ""}.`;
          expect(withoutSecrets(said, address)).not.toContain("QXQ");
        }
      }),
    );
  });
});
