import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Action } from "../inspector/protocol.js";
import type { Snapshot } from "../inspector/snapshot.js";
import type { Sort } from "./grid.js";
import type { History } from "./history.js";

/** The views, in the order of their tabs. */
export const viewNames = ["tree", "streams", "caches", "nodes", "timeline"] as const;

export type ViewName = (typeof viewNames)[number];

/** What the user has chosen in a view; it is kept while another view is shown. */
export interface ViewState {
  readonly query: string;
  /** Rows that were opened or closed by hand. */
  readonly open: ReadonlyMap<string, boolean>;
  /** Names of filters that are on. */
  readonly filters: ReadonlySet<string>;
  readonly selected: string | undefined;
  readonly sort: Sort | undefined;
}

export const newViewState: ViewState = {
  query: "",
  open: new Map(),
  filters: new Set(),
  selected: undefined,
  sort: undefined,
};

/** An action that the user has to confirm. */
export interface Question {
  readonly title: string;
  /** What will happen, in sentences. */
  readonly text: string;
  /** On the button. */
  readonly verb: string;
  readonly isDangerous: boolean;
  readonly action: Action;
  /** Called when it was done. */
  readonly done?: () => void;
}

/** What every view needs. */
export interface PageContext {
  readonly snapshot: Snapshot;
  readonly history: History;
  ask(question: Question): void;
  /** Goes to a row of a view, or to the rows that a filter leaves. */
  show(view: ViewName, id: string | undefined, filter?: string): void;
}

export const Page = createContext<PageContext | undefined>(undefined);

export function usePage(): PageContext {
  return useContext(Page) as PageContext;
}

/** What a view is given. */
export interface ViewProps {
  readonly state: ViewState;
  set(change: Partial<ViewState>): void;
}

/** Copies of a set or map with one more change. */
export function toggled(names: ReadonlySet<string>, name: string): ReadonlySet<string> {
  const changed = new Set(names);
  if (!changed.delete(name)) changed.add(name);
  return changed;
}

export function withOpen(state: ViewState, id: string, open: boolean): Partial<ViewState> {
  return { open: new Map(state.open).set(id, open) };
}
