// `npm run check:docs`: every export has a docstring, and the links between these lead somewhere.
import { readReference } from "./reference.js";

try {
  await readReference();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
