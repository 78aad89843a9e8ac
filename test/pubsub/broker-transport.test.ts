import { expect, test } from "@jest/globals";
import { type BrokerSession, RefusedError } from "../../src/pubsub/broker-session.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { Tapped } from "./transports.js";

class FakeSession implements BrokerSession {
  destroyed: Error | undefined;
  readonly #subscribing: () => Promise<void>;
  readonly break: (error: Error) => void;

  constructor(subscribing: () => Promise<void>, lost: (error: Error) => void) {
    this.#subscribing = subscribing;
    this.break = lost;
  }

  subscribe(): Promise<void> {
    return this.#subscribing();
  }

  unsubscribe(): Promise<void> {
    return Promise.resolve();
  }

  publish(): Promise<void> {
    return Promise.resolve();
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  destroy(error: Error): void {
    this.destroyed ??= error;
  }
}

/** Connections over which a subscription does what `answers` say, one after the other. */
function fake(...answers: (() => Promise<void>)[]) {
  const sessions: FakeSession[] = [];
  const failures: number[] = [];
  const tapped = new Tapped({
    ordered: true,
    timeout: 5000,
    dial: (lost) => {
      const answer = answers[sessions.length] ?? ((): Promise<void> => Promise.resolve());
      sessions.push(new FakeSession(answer, lost));
      return Promise.resolve(sessions.at(-1) as FakeSession);
    },
    delay: (count) => {
      failures.push(count);
      return 0;
    },
  });
  return { tapped, sessions, failures };
}

const fails = (): Promise<void> => Promise.reject(new Error("CLUSTERDOWN"));

test("a connection over which a subscription fails is replaced, later each time", async () => {
  const { tapped, sessions, failures } = fake(fails, fails, fails);
  await using _ = tapped;
  const ready = tapped.subscribe("c");
  await tapped.transport.open(tapped);
  await ready;
  await tapped.until("connected");
  expect(tapped.statuses.filter((status) => status === "connected")).toHaveLength(1);
  expect(failures).toEqual([0, 1, 2]);
  expect(sessions.map(({ destroyed }) => destroyed?.message)).toEqual([
    ...Array<string>(3).fill("CLUSTERDOWN"),
    undefined,
  ]);
});

test("the count of failures begins anew when a subscription has been made", async () => {
  const { tapped, sessions, failures } = fake(fails);
  await using _ = tapped;
  const ready = tapped.subscribe("c");
  await tapped.transport.open(tapped);
  await ready;
  sessions.at(-1)?.break(new Error("cut"));
  await waitFor(() => sessions.length === 3);
  expect(failures).toEqual([0, 0]);
});

test("a refused subscription leaves the connection as it is", async () => {
  const refused = new RefusedError(new Error("no permission"));
  const { tapped, sessions } = fake(() => Promise.reject(refused));
  await using _ = tapped;
  void tapped.subscribe("c").catch(() => {});
  await tapped.transport.open(tapped);
  await waitFor(() => tapped.errors.length > 0);
  expect(tapped.errors).toEqual([refused]);
  await tapped.until("connected");
  expect(sessions.map(({ destroyed }) => destroyed)).toEqual([undefined]);
});
