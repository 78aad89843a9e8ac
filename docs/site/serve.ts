import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".webp": "image/webp",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
};

/** A site that is being served. */
export interface ServedSite extends AsyncDisposable {
  readonly url: string;
}

/** Serves a built site on the loopback interface; port 0 is any free one. */
export async function serveSite(folder: string, port = 0): Promise<ServedSite> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    void fileFor(folder, pathname).then((found) => {
      const path = found ?? join(folder, "404.html");
      response.writeHead(found === undefined ? 404 : 200, {
        "content-type": types[extname(path)] ?? "application/octet-stream",
        "cache-control": "no-cache",
      });
      createReadStream(path)
        .on("error", () => response.destroy())
        .pipe(response);
    });
  });
  await listen(server, port);
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${bound}/`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
}

/** `/cluster` is `cluster.html`, `/reference/` is `reference/index.html`. */
async function fileFor(folder: string, pathname: string): Promise<string | undefined> {
  const path = decoded(pathname);
  if (path === undefined) return undefined;
  const name = path.endsWith("/") ? `${path}index.html` : path;
  // normalize leaves no ".." at the start of an absolute path.
  const places = [name, `${name}.html`].map((place) => join(folder, normalize(place)));
  for (const place of places) {
    const found = await stat(place).catch(() => undefined);
    if (found?.isFile() === true) return place;
  }
  return undefined;
}

function decoded(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
}
