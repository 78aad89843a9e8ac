import type { Milliseconds } from "../options.js";
import type { ErrorText } from "./snapshot.js";

/**
 * What the page asks of the server, and what it gets. Every request must name an allowed host, and a
 * request from another origin is refused (403). Answers with an error are
 * `{ "error": { "code", "message" } }`: 400 for a bad request, 401 without a login where there is a
 * token, 403 for a foreign origin or host, or where actions are off, 404, 405, 409 for what can't
 * be done now, 413 for a body over 64 KiB, 415 for one that is not JSON, 500, 503 where there are too
 * many pages, or the broker does not answer.
 *
 * | request | what it is |
 * |---|---|
 * | `GET /` | the page; without a login where there is a token, the form for it |
 * | `GET /assets/<file>` | what the page loads; needs no login |
 * | `POST /login` | a form with `token` and `name`: 303 to `/`, with a cookie; 401 with the form again, which says so |
 * | `POST /logout` | 303 to `/`; the cookie is void |
 * | `GET /events` | Server-Sent Events: first `snapshot` ({@link Snapshot}), then `update` ({@link Update}), at most 4 a second and at least one a second |
 * | `GET /dead-letters?stream=&group=&partition=&limit=` | {@link DeadLetterPage}; stream is the id of a row, partition is optional, limit 1 to 500, default 100 |
 * | `POST /actions/<name>` | JSON in ({@link Actions}), JSON out ({@link ActionResult}) |
 *
 * A `snapshot` may come again at any time, e.g. when the page was too slow for the updates: it
 * replaces everything. After an end of the connection an EventSource connects again by itself, a
 * second later (`retry`), and gets a `snapshot`: messages have no ids, and `Last-Event-ID` means
 * nothing. Where there is a token, a client that is no browser sends
 * `Authorization: Bearer <token>`.
 */
export const paths = {
  page: "/",
  assets: "/assets/",
  login: "/login",
  logout: "/logout",
  events: "/events",
  deadLetters: "/dead-letters",
  actions: "/actions/",
} as const;

/** Milliseconds between two updates, at the least and at the most. */
export const updateInterval = { min: 250, max: 1000 } as const;

/** Milliseconds from the end of a page's connection to the next attempt. */
export const reconnectAfter: Milliseconds = 1000;

/** Which partitions of a group: null means all. */
export interface GroupTarget {
  /** Row in `streams`. */
  readonly stream: string;
  readonly group: string;
  readonly partition: number | null;
}

/** Which child: its row in `tree`, and the incarnation that the page has shown (409 if it is over). */
export interface ChildTarget {
  readonly child: string;
  readonly incarnation: number;
}

/** Which dead letters of a group. */
export interface LettersTarget {
  /** Row in `streams`. */
  readonly stream: string;
  readonly group: string;
  /** Of dead letters, at most 1000; or all. */
  readonly ids: readonly string[] | "all";
}

/** The actions by name, with what the body of the request is. */
export interface Actions {
  /** Ends a child by its shutdown setting and starts it again; starts one that is stopped. */
  readonly restart: ChildTarget;
  /** Ends a child by its shutdown setting; its supervisor does not start it again. */
  readonly terminate: ChildTarget;
  /** Nothing more of the partitions is handled until `resume`. Only of groups of cluster scope. */
  readonly pause: GroupTarget;
  readonly resume: GroupTarget;
  /** Goes on from elsewhere; a position needs a partition. Only of groups of cluster scope. */
  readonly seek: GroupTarget & { readonly to: "earliest" | "latest" | number };
  /** Has dead letters handled again. */
  readonly retry: LettersTarget;
  /** Removes dead letters. */
  readonly drop: LettersTarget;
}

/** The name of an action. */
export type ActionName = keyof Actions;

/** The names of the actions. */
export const actionNames = [
  "restart",
  "terminate",
  "pause",
  "resume",
  "seek",
  "retry",
  "drop",
] as const satisfies readonly ActionName[];

/** One action with its body. */
export type Action = {
  readonly [Name in ActionName]: { readonly name: Name; readonly of: Actions[Name] };
}[ActionName];

/** What an action has done. */
export interface ActionResult {
  /** One line for the user. */
  readonly text: string;
  /** Children, partitions or dead letters that it was done to. */
  readonly count: number;
  /** As in the timeline: a path, `<instance>` or `<instance>/<partition>`. */
  readonly subject: string;
}

/** Dead letters of a cluster group. */
export interface DeadLetterPage {
  /** By partition, the oldest first. */
  readonly letters: readonly LetterText[];
  /** Whether there are more. */
  readonly more: boolean;
}

/** A dead letter as text. */
export interface LetterText {
  readonly id: string;
  readonly partition: number;
  /** In the partition's journal. */
  readonly position: number;
  /** When it was given up. */
  readonly time: Milliseconds;
  readonly attempts: number;
  /** Type of the event, such as `inserted`. */
  readonly type: string;
  /** The command that has made it, such as `put`. */
  readonly command: string;
  /** The node that has written it. */
  readonly node: string;
  /** Its keys as text, at most 20, each at most 200 characters. */
  readonly keys: readonly string[];
  /** Its value as text, at most 2000 characters; null: there is none, or values are not shown. */
  readonly value: string | null;
  /** The value before, likewise. */
  readonly previous: string | null;
  /** Without a stack. */
  readonly error: ErrorText;
}
