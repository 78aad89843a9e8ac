import type { IncomingMessage } from "node:http";
import { type Action, actionNames, type Actions } from "./protocol.js";
import { type LettersRequest, Refusal } from "./source.js";

/** Bytes of a body, at most. */
const maxBody = 65_536;
/** Characters of an id or a name, at most. */
const maxText = 1000;
/** Ids of one request, at most. */
const maxIds = 1000;
const maxLetters = 500;
const defaultLetters = 100;

/** A request that is refused before it is carried out. @internal */
export class BadRequest extends Error {
  override readonly name = "BadRequest";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The body as text. @throws (as a rejection) BadRequest for another type, or one that is too long @internal */
export async function bodyOf(request: IncomingMessage, type: string): Promise<string> {
  const given = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (given !== type) throw new BadRequest(415, `expected a body of type ${type}`);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBody) throw new BadRequest(413, `expected a body of at most ${maxBody} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** @throws Refusal @internal */
export function readAction(name: string, body: string): Action {
  const known = actionNames.find((one) => one === name);
  if (known === undefined) throw new Refusal(404, `there is no action ${JSON.stringify(name)}`);
  const of = fieldsOf(body);
  const read = readers[known];
  return { name: known, of: read(of) } as Action;
}

/** @throws Refusal @internal */
export function readLettersRequest(query: URLSearchParams, values: boolean): LettersRequest {
  const partition = query.get("partition");
  const limit = query.get("limit");
  return {
    stream: text("stream", query.get("stream")),
    group: text("group", query.get("group")),
    partition: partition === null ? undefined : integer("partition", Number(partition)),
    limit: limit === null ? defaultLetters : integer("limit", Number(limit), 1, maxLetters),
    values,
  };
}

type Fields = Readonly<Record<string, unknown>>;

const readers: { readonly [Name in keyof Actions]: (of: Fields) => Actions[Name] } = {
  restart: childOf,
  terminate: childOf,
  pause: groupOf,
  resume: groupOf,
  seek: (of) => {
    const target = groupOf(of);
    const to = placeOf(of["to"]);
    if (typeof to === "number" && target.partition === null)
      throw bad("partition", "an integer (a position belongs to one partition)", null);
    return { ...target, to };
  },
  retry: lettersOf,
  drop: lettersOf,
};

function childOf({ child, incarnation }: Fields): Actions["restart"] {
  return { child: text("child", child), incarnation: integer("incarnation", incarnation) };
}

function groupOf({ stream, group, partition }: Fields): Actions["pause"] {
  return {
    stream: text("stream", stream),
    group: text("group", group),
    partition: partition === null ? null : integer("partition", partition),
  };
}

function lettersOf({ stream, group, ids }: Fields): Actions["retry"] {
  return { stream: text("stream", stream), group: text("group", group), ids: idsOf(ids) };
}

function idsOf(ids: unknown): readonly string[] | "all" {
  if (ids === "all") return ids;
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > maxIds)
    throw bad("ids", `"all", or 1 to ${maxIds} ids`, ids);
  return ids.map((id) => text("ids", id));
}

function placeOf(to: unknown): Actions["seek"]["to"] {
  return to === "earliest" || to === "latest" ? to : integer("to", to);
}

function fieldsOf(body: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new Refusal(400, "expected a body of JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal(400, "expected a JSON object");
  return value as Fields;
}

function text(field: string, value: unknown): string {
  if (typeof value === "string" && value.length > 0 && value.length <= maxText) return value;
  throw bad(field, `a string of 1 to ${maxText} characters`, value);
}

function integer(
  field: string,
  value: unknown,
  min = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
    return value as number;
  throw bad(field, `an integer from ${min} to ${max}`, value);
}

function bad(field: string, expected: string, got: unknown): Refusal {
  const given = JSON.stringify(got) ?? "undefined";
  return new Refusal(400, `${field}: expected ${expected}, got ${given.slice(0, 100)}`);
}
