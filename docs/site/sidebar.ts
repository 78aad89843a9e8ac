import { readFileSync } from "node:fs";
import type { DefaultTheme } from "vitepress";
import { titleOf } from "./guides.js";
import { navigationFile } from "./paths.js";

type Item = DefaultTheme.SidebarItem;

/** A node of the tree that typedoc-plugin-markdown writes. */
interface Node {
  title: string;
  path?: string;
  children?: Node[];
}

/** The pages of docs/, by what they are for. Those that are in no group come last. */
const groups: Readonly<Record<string, readonly string[]>> = {
  Start: ["how-it-works", "examples", "recipes", "coming-from-elixir"],
  Use: [
    "api",
    "options",
    "errors",
    "guarantees",
    "supervision",
    "cluster",
    "journal",
    "shared-store",
  ],
  Operate: ["production", "inspector", "journal-redis", "journal-nats", "telemetry", "performance"],
  Develop: ["testing", "adapters", "journal-engines", "development", "architecture"],
};

/** The guides, in groups; `names` are those of docs/, without ".md". */
export function guideSidebar(names: readonly string[]): Item[] {
  const grouped = Object.values(groups).flat();
  const rest = names.filter((name) => !grouped.includes(name));
  const guides = Object.entries({ ...groups, More: rest })
    .map(([text, members]) => ({
      text,
      items: members
        .filter((name) => names.includes(name))
        .map((name) => ({ text: titleOf(`docs/${name}.md`), link: `/${name}` })),
    }))
    .filter(({ items }) => items.length > 0);
  guides[0]?.items.unshift({ text: "Introduction", link: "/introduction" });
  guides.at(-1)?.items.push({ text: "Changelog", link: "/changelog" });
  return guides;
}

/** The API reference: a group for each entry point, with its names by their kinds. */
export function referenceSidebar(): Item[] {
  const tree = JSON.parse(readFileSync(navigationFile, "utf8")) as Node[];
  const modules = tree.flatMap((node) => modulesOf(node));
  return [
    { text: "API reference", link: "/reference/" },
    ...modules.map(({ title, path, children = [] }, index) => ({
      text: title,
      link: linkTo(path),
      collapsed: index > 0,
      items: children.map((group) => ({
        text: group.title,
        collapsed: group.title !== "Functions",
        items: itemsOf(group),
      })),
    })),
  ];
}

function itemsOf({ children = [] }: Node): Item[] {
  return children
    .map(({ title, path }) => ({ text: title, link: linkTo(path) }))
    .sort((a, b) => a.text.localeCompare(b.text, "en"));
}

/** Entry points stand below each other by the slashes in their names. */
function modulesOf({ title, path, children = [] }: Node, prefix = ""): Node[] {
  const name = prefix !== "" ? `${prefix}/${title}` : title;
  const nested = children.filter((child) => child.path?.endsWith("/index.md"));
  const own = children.filter((child) => !nested.includes(child));
  const base = { title: name, children: own };
  return [
    path === undefined ? base : { ...base, path },
    ...nested.flatMap((child) => modulesOf(child, name)),
  ];
}

const linkTo = (path = ""): string => `/reference/${path.replace(/(?:index)?\.md$/, "")}`;
