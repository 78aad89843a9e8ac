import { readdirSync } from "node:fs";
import { join } from "node:path";
import { defineConfig } from "vitepress";
import { outputFolder, pagesFolder, projectRoot } from "./paths.js";
import { guideSidebar, referenceSidebar } from "./sidebar.js";
import { slugOf } from "./slug.js";

const guides = readdirSync(join(projectRoot, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => name.replace(/\.md$/, ""));

export const config = defineConfig({
  title: "nebulex-streams",
  description: "Real-time, partitioned and supervised streams of cache events for Node.js",
  lang: "en",
  srcDir: pagesFolder,
  outDir: outputFolder,
  head: [["link", { rel: "icon", type: "image/svg+xml", href: "/streams.svg" }]],
  cleanUrls: true,
  lastUpdated: false,
  // The largest one is the index of the search, which is loaded when somebody searches.
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  markdown: { anchor: { slugify: slugOf } },
  themeConfig: {
    logo: "/streams.svg",
    search: { provider: "local", options: { detailedView: true } },
    outline: { level: [2, 3] },
    nav: [
      { text: "Guide", link: "/introduction" },
      { text: "Examples", link: "/examples" },
      { text: "API reference", link: "/reference/" },
    ],
    sidebar: { "/reference/": referenceSidebar(), "/": guideSidebar(guides) },
    docFooter: { prev: "Previous page", next: "Next page" },
  },
});
