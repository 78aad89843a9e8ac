import {
  type Action,
  type ActionResult,
  type DeadLetterPage,
  type GroupTarget,
  paths,
} from "../inspector/protocol.js";

/** Dead letters that are shown at a time. */
const maxLetters = 100;

/** @throws (as a rejection) Error with what the server says */
export async function act({ name, of }: Action): Promise<ActionResult> {
  const response = await fetch(`${paths.actions}${name}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(of),
  });
  return (await answerOf(response)) as ActionResult;
}

/** @throws (as a rejection) Error with what the server says */
export async function readLetters(
  { stream, group, partition }: GroupTarget,
  signal: AbortSignal,
): Promise<DeadLetterPage> {
  const query = new URLSearchParams({ stream, group, limit: String(maxLetters) });
  if (partition !== null) query.set("partition", String(partition));
  return (await answerOf(
    await fetch(`${paths.deadLetters}?${query}`, { signal }),
  )) as DeadLetterPage;
}

async function answerOf(response: Response): Promise<unknown> {
  // The login is over: the page's address shows the form.
  if (response.status === 401) location.reload();
  const answer: unknown = await response.json();
  if (response.ok) return answer;
  const { error } = answer as { error: { message: string } };
  throw new Error(error.message);
}
