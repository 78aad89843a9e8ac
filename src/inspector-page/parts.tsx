import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ErrorText } from "../inspector/snapshot.js";
import { Icon, type IconName } from "./icon.js";
import { toggled, type ViewProps } from "./page.js";

export type Tone = "ok" | "warn" | "error" | "muted" | "info";

/** A drawing and a word: the colour is never the only sign. */
export function Badge(props: { tone: Tone; icon?: IconName; children: ComponentChildren }) {
  return (
    <span class={`badge ${props.tone}`}>
      {props.icon !== undefined && <Icon name={props.icon} />}
      {props.children}
    </span>
  );
}

interface ToolbarProps extends ViewProps {
  readonly label: string;
  readonly filters?: readonly (readonly [name: string, label: string])[];
  /** How many rows there are, in words. */
  readonly summary: string;
}

/** Search and filters above a grid. */
export function Toolbar({ state, set, label, filters = [], summary }: ToolbarProps) {
  return (
    <div class="toolbar">
      <input
        type="search"
        class="search"
        aria-label={label}
        placeholder={label}
        value={state.query}
        maxLength={200}
        onInput={(event) => set({ query: event.currentTarget.value })}
      />
      {filters.length > 0 && (
        <div class="chips" role="group" aria-label="Show only">
          {filters.map(([name, text]) => (
            <button
              key={name}
              type="button"
              class="chip"
              aria-pressed={state.filters.has(name)}
              onClick={() => set({ filters: toggled(state.filters, name) })}
            >
              {state.filters.has(name) && <Icon name="ok" />}
              {text}
            </button>
          ))}
        </div>
      )}
      <span class="summary">{summary}</span>
    </div>
  );
}

interface SplitProps {
  readonly grid: ComponentChildren;
  /** Undefined: nothing is selected. */
  readonly details: { readonly title: string; readonly content: ComponentChildren } | undefined;
  /** What the details are about: when it changes, they are shown from their top. */
  readonly about: string | undefined;
  close(): void;
}

/** A grid, and beside it the details of its selected row. */
export function Split({ grid, details, about, close }: SplitProps) {
  const panel = useRef<HTMLElement>(null);
  const whole = useRef<HTMLDivElement>(null);
  useEffect(() => panel.current?.scrollTo(0, 0), [about]);
  const leave = (): void => {
    close();
    whole.current?.querySelector<HTMLElement>('.grid-body [tabindex="0"]')?.focus();
  };
  return (
    <div
      class={`split ${details === undefined ? "" : "has-details"}`}
      ref={whole}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || details === undefined || event.defaultPrevented) return;
        event.preventDefault();
        leave();
      }}
    >
      {grid}
      {details !== undefined && (
        <aside class="details" aria-label={`Details: ${details.title}`} tabIndex={0} ref={panel}>
          <header>
            <h2>{details.title}</h2>
            <button type="button" class="plain" aria-label="Close the details" onClick={leave}>
              <Icon name="close" />
            </button>
          </header>
          {details.content}
        </aside>
      )}
    </div>
  );
}

type Fact = readonly [name: string, value: ComponentChildren] | false | null;

/** Names and values; null and false are left out. */
export function Facts({ of }: { of: readonly Fact[] }) {
  return (
    <dl class="facts">
      {of
        .filter((fact) => fact !== null && fact !== false)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** A part of the details. */
export function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="section">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

/** An error with its stack. */
export function ErrorView({ error }: { error: ErrorText }) {
  return (
    <div class="error-text">
      <p>
        <strong>{error.name}</strong>: {error.message}
      </p>
      {error.stack !== null && (
        <pre tabIndex={0} aria-label="Stack">
          {error.stack}
        </pre>
      )}
    </div>
  );
}
