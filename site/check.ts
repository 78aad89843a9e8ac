// `npm run check:docs`: every export has a docstring, and the links between these lead somewhere.
import { readReference } from "./reference.js";

await readReference();
