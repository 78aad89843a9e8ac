import { Ledger } from "./ledger.js";

// A preload that makes one of the handlers lose an event: what the program then says is tested.
const { handle } = Ledger.prototype;
let handled = 0;
Ledger.prototype.handle = function (event) {
  if (++handled !== 500) handle.call(this, event);
};
