import { parseArgs } from "node:util";
import { buildSite } from "./build.js";
import { outputFolder } from "./paths.js";
import { serveSite } from "./serve.js";

const { values } = parseArgs({
  options: {
    serve: { type: "boolean", default: false },
    port: { type: "string", default: "4173" },
  },
});

await buildSite();
console.log(`built: ${outputFolder}`);
if (values.serve) {
  const { url } = await serveSite(outputFolder, Number(values.port));
  console.log(`served: ${url}`);
}
