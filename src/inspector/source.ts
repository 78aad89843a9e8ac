import type { Action, ActionResult, DeadLetterPage } from "./protocol.js";
import type { About, Tables } from "./snapshot.js";
import type { Timeline } from "./timeline.js";

/** What an inspector looks at: this process, or a cluster from outside. @internal */
export interface InspectorSource {
  readonly timeline: Timeline;
  /** What only the source knows of {@link About}. */
  about(): Pick<About, "kind" | "title" | "trouble">;
  /**
   * Reads what there is now. It must be quick, and must not throw: what takes an answer from
   * elsewhere is asked for, and shown when it has come.
   */
  read(): Tables;
  /** The first page has connected. */
  begin(): void;
  /** The last page is gone: what only they needed is freed. */
  end(): void;
  /**
   * @throws (as a rejection) Refusal
   */
  deadLetters(request: LettersRequest): Promise<DeadLetterPage>;
  /**
   * Undefined: nothing can be done to it.
   *
   * @throws (as a rejection) Refusal
   */
  readonly act: ((action: Action) => Promise<ActionResult>) | undefined;
}

/** @internal */
export interface LettersRequest {
  /** Row in `streams`. */
  readonly stream: string;
  readonly group: string;
  readonly partition: number | undefined;
  readonly limit: number;
  /** Whether values are shown. */
  readonly values: boolean;
}

/** What was asked for can't be done; the message is for the user. @internal */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: 400 | 403 | 404 | 409 | 503;

  constructor(status: Refusal["status"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
