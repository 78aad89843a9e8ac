import { expect, jest, test } from "@jest/globals";
import WarningsEnvironment from "./helpers/environment.mjs";

function environment() {
  const printed: string[] = [];
  jest.spyOn(process.stderr, "write").mockImplementation((text) => {
    printed.push(String(text));
    return true;
  });
  const projectConfig = { globals: {}, testEnvironmentOptions: {} };
  const config = { globalConfig: {}, projectConfig } as never;
  const made = new WarningsEnvironment(config, {} as never);
  const warn = (text: string): void =>
    made.global.process.emitWarning(text, { type: "NebulexWarning", detail: "where" });
  return { made, warn, printed: () => printed.filter((text) => text !== "") };
}

test("the package's warnings of a test that passes are not printed", async () => {
  const { made, warn, printed } = environment();
  made.handleTestEvent({ name: "test_start" });
  warn("expected");
  made.handleTestEvent({ name: "test_done", test: { errors: [] } });
  expect(printed()).toEqual([]);
  await made.teardown();
});

test("those of a test or a hook that fails are, and no earlier ones", async () => {
  const { made, warn, printed } = environment();
  warn("earlier");
  made.handleTestEvent({ name: "test_start" });
  warn("its own");
  made.handleTestEvent({ name: "test_done", test: { errors: [new Error("failed")] } });
  warn("of a hook");
  made.handleTestEvent({ name: "hook_failure" });
  expect(printed()).toEqual([
    "NebulexWarning: its own\nwhere\n",
    "NebulexWarning: of a hook\nwhere\n",
  ]);
  await made.teardown();
});

test("other warnings are emitted as ever", async () => {
  const emit = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
  const { made } = environment();
  const options = { type: "DeprecationWarning", code: "TEST" };
  made.global.process.emitWarning("another", options);
  expect(emit.mock.calls).toEqual([["another", options]]);
  await made.teardown();
});
