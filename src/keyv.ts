export {
  keyvAdapter,
  type KeyvAdapterOptions,
  type KeyvLike,
} from "./cache/adapters/keyv-adapter.js";
export type { StoreName } from "./cache/adapters/store-adapter.js";
