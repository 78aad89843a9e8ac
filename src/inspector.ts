export { inspector, inspectorAddress, type InspectorOptions } from "./inspector/inspector.js";
export type { InspectorAddress } from "./inspector/server.js";
