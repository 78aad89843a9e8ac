import { useEffect, useState } from "preact/hooks";
import type { DeadLetterPage, GroupTarget, LetterText } from "../inspector/protocol.js";
import { count, moment, none, plural } from "./format.js";
import { type Question, toggled, usePage } from "./page.js";
import { ErrorView, Facts } from "./parts.js";
import { readLetters } from "./requests.js";

/** The dead letters of a group, or of one partition of it. They are read when they are opened. */
export function Letters({ target, resting }: { target: GroupTarget; resting: number }) {
  const { snapshot, ask } = usePage();
  const [page, setPage] = useState<DeadLetterPage>();
  const [trouble, setTrouble] = useState<string>();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [round, setRound] = useState(0);
  const { stream, group, partition } = target;

  useEffect(() => {
    const abort = new AbortController();
    readLetters(target, abort.signal).then(
      (read) => {
        setPage(read);
        setTrouble(undefined);
        const ids = new Set(read.letters.map(({ id }) => id));
        setChosen((before) => new Set([...before].filter((id) => ids.has(id))));
      },
      (error: unknown) => {
        if (!abort.signal.aborted) setTrouble(String((error as Error).message));
      },
    );
    return () => abort.abort();
  }, [stream, group, partition, resting, round]);

  if (trouble !== undefined)
    return (
      <p class="bad" role="alert">
        They could not be read: {trouble}{" "}
        <button type="button" onClick={() => setRound(round + 1)}>
          Try again
        </button>
      </p>
    );
  if (page === undefined) return <p class="muted">Reading…</p>;
  if (page.letters.length === 0) return <p class="muted">There are none.</p>;

  const { actions } = snapshot.about;
  const ids = [...chosen];
  const confirm = (verb: "retry" | "drop", of: readonly string[] | "all"): void => {
    const what = of === "all" ? `all dead letters of ${group}` : plural(of.length, "dead letter");
    ask(questionOf(verb, what, { stream, group, ids: of }, () => setRound((last) => last + 1)));
  };
  return (
    <>
      <ul class="letters">
        {page.letters.map((letter) => (
          <Letter
            key={letter.id}
            letter={letter}
            isChosen={actions ? chosen.has(letter.id) : undefined}
            onChoose={() => setChosen(toggled(chosen, letter.id))}
          />
        ))}
      </ul>
      {page.more && <p class="muted">There are more than these {count(page.letters.length)}.</p>}
      {actions && (
        <div class="actions">
          <button type="button" disabled={ids.length === 0} onClick={() => confirm("retry", ids)}>
            Retry chosen…
          </button>
          <button
            type="button"
            class="danger"
            disabled={ids.length === 0}
            onClick={() => confirm("drop", ids)}
          >
            Drop chosen…
          </button>
          {partition === null && (
            <>
              <button type="button" onClick={() => confirm("retry", "all")}>
                Retry all…
              </button>
              <button type="button" class="danger" onClick={() => confirm("drop", "all")}>
                Drop all…
              </button>
            </>
          )}
        </div>
      )}
    </>
  );
}

function questionOf(
  verb: "retry" | "drop",
  what: string,
  of: { stream: string; group: string; ids: readonly string[] | "all" },
  done: () => void,
): Question {
  const isRetry = verb === "retry";
  return {
    title: `${isRetry ? "Retry" : "Drop"} ${what}?`,
    text: isRetry
      ? "The events are handled again."
      : "The events will not be handled. This can't be undone.",
    verb: isRetry ? "Retry" : "Drop",
    isDangerous: !isRetry,
    action: { name: verb, of },
    done,
  };
}

interface LetterProps {
  readonly letter: LetterText;
  /** Undefined: it can't be. */
  readonly isChosen: boolean | undefined;
  onChoose(): void;
}

function Letter({ letter, isChosen, onChoose }: LetterProps) {
  const { snapshot } = usePage();
  const name = letter.keys.join(", ") || letter.id;
  return (
    <li>
      <div class="letter-head">
        {isChosen !== undefined && (
          <input
            type="checkbox"
            checked={isChosen}
            aria-label={`Choose ${name}`}
            onChange={onChoose}
          />
        )}
        <strong class="wrap">{name}</strong>
      </div>
      <Facts
        of={[
          [
            "Given up",
            `${moment(letter.time, snapshot.time)}, after ${plural(letter.attempts, "attempt")}`,
          ],
          ["Event", `${letter.type} by ${letter.command} on ${letter.node}`],
          ["Place", `partition ${letter.partition}, position ${count(letter.position)}`],
          snapshot.about.values && ["Value", <code>{letter.value ?? none}</code>],
          snapshot.about.values &&
            letter.previous !== null && ["Before", <code>{letter.previous}</code>],
        ]}
      />
      <ErrorView error={letter.error} />
    </li>
  );
}
