import { parseArgs } from "node:util";
import { buildSite } from "./build.js";
import { outputFolder } from "./paths.js";
import { serveSite } from "./serve.js";

try {
  const { values } = parseArgs({
    options: {
      serve: { type: "boolean", default: false },
      port: { type: "string", default: "4173" },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port takes a number from 0 to 65535, not ${values.port}`);
  await buildSite();
  console.log(`built: ${outputFolder}`);
  if (values.serve) {
    const { url } = await serveSite(outputFolder, port);
    console.log(`served: ${url}`);
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
