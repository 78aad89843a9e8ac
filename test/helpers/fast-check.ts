import fc from "fast-check";

// On a busy machine a property does fewer runs, and none of them goes on into the next test. One that hangs fails, with its seed.
fc.configureGlobal({ interruptAfterTimeLimit: 15_000, timeout: 10_000 });

export default fc;
