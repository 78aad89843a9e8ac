import { render } from "preact";
import { App } from "./app.js";
import { Connection } from "./connection.js";
import { History } from "./history.js";

const page = document.getElementById("page") as HTMLElement;
const history = new History();
const connection = new Connection((received) => {
  if (received && connection.snapshot !== undefined) history.sample(connection.snapshot);
  render(<App connection={connection} history={history} />, page);
});
render(<App connection={connection} history={history} />, page);
