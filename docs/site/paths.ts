import { fileURLToPath } from "node:url";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** The folder of package.json. */
export const projectRoot = here("../../");
/** The folder of this file: what the site is made with. */
export const siteRoot = here("./");
/** The pages as Markdown, made anew by each build. */
export const pagesFolder = here("../../.site/pages/");
/** The built site. */
export const outputFolder = here("../../.site/public/");
/** The pages of the API reference, in a folder of the pages. */
export const referenceFolder = here("../../.site/pages/reference/");
/** The tree of the reference's pages, for the sidebar. */
export const navigationFile = here("../../.site/navigation.json");
