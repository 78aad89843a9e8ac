import { afterEach } from "@jest/globals";
import fc from "fast-check";

// On a busy machine a property does fewer runs; `npm run stress` gives it longer. No run has a limit
// of its own: how long one takes depends on what else the machine does.
const limit = Number(process.env["PROPERTY_TIME"] ?? 4000);
fc.configureGlobal({ interruptAfterTimeLimit: limit });

let underWay: Promise<unknown> | undefined;

// A run that was interrupted goes on: the next test waits for it, so that neither sees the other's
// events. One that never ends fails the hook.
afterEach(() => underWay);

/** As fast-check's, for one run at a time: a run that was interrupted ends before the next test. */
export const asyncProperty = ((...args: unknown[]) => {
  const predicate = args.pop() as (...values: unknown[]) => Promise<unknown>;
  const tracked = (...values: unknown[]): Promise<unknown> => {
    const run = predicate(...values);
    underWay = run.then(
      () => {},
      () => {},
    );
    return run;
  };
  return (fc.asyncProperty as (...all: unknown[]) => unknown)(...args, tracked);
}) as typeof fc.asyncProperty;

export default fc;
