import { render } from "preact";
import { App } from "./app.js";
import { Connection } from "./connection.js";
import { History } from "./history.js";

const page = document.getElementById("page") as HTMLElement;
const history = new History();
let isPlanned = false;

/** Once for all messages before the next frame; nobody sees a hidden page but by its title. */
function plan(): void {
  if (isPlanned) return;
  isPlanned = true;
  if (document.hidden) setTimeout(show, 1000);
  else requestAnimationFrame(show);
}

function show(): void {
  isPlanned = false;
  render(<App connection={connection} history={history} />, page);
}

const connection = new Connection((received) => {
  if (received && connection.snapshot !== undefined) history.sample(connection.snapshot);
  plan();
});
show();
