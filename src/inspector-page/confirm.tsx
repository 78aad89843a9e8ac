import { useEffect, useRef, useState } from "preact/hooks";
import type { ActionResult } from "../inspector/protocol.js";
import type { Question } from "./page.js";
import { act } from "./requests.js";

interface ConfirmProps {
  readonly question: Question;
  close(): void;
  /** It was done. */
  done(result: ActionResult): void;
}

/** Asks before anything is done. */
export function Confirm({ question, close, done }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [state, setState] = useState<"asking" | "acting" | { readonly failed: string }>("asking");

  useEffect(() => {
    const element = dialog.current as HTMLDialogElement;
    element.showModal();
    // A browser gives the focus back to what had it before.
    return () => element.close();
  }, []);

  const confirm = async (): Promise<void> => {
    setState("acting");
    try {
      const result = await act(question.action);
      question.done?.();
      done(result);
    } catch (error) {
      setState({ failed: String((error as Error).message) });
    }
  };
  return (
    <dialog
      ref={dialog}
      class="confirm"
      aria-labelledby="confirm-title"
      aria-describedby="confirm-text"
      onCancel={(event) => {
        event.preventDefault();
        if (state !== "acting") close();
      }}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <h2 id="confirm-title">{question.title}</h2>
      <p id="confirm-text">{question.text}</p>
      {typeof state === "object" && (
        <p class="bad" role="alert">
          It was not done: {state.failed}
        </p>
      )}
      <div class="actions">
        <button type="button" autofocus disabled={state === "acting"} onClick={close}>
          Cancel
        </button>
        <button
          type="button"
          class={question.isDangerous ? "danger" : "primary"}
          disabled={state === "acting"}
          onClick={() => void confirm()}
        >
          {question.verb}
        </button>
      </div>
    </dialog>
  );
}
