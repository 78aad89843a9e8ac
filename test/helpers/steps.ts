const arrayMethods =
  "concat every filter find findIndex findLast forEach includes indexOf join lastIndexOf map reduce shift slice some sort splice unshift".split(
    " ",
  );

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Counts the steps of loops while `fn` runs: each item that an iterator of an array, a map or a set gives, and the length of each
 * array that a method goes through. A number that does not depend on the machine, so that a cost can be tested.
 */
export async function countSteps(fn: () => unknown): Promise<number> {
  let steps = 0;
  const undo: (() => void)[] = [];
  const replace = (owner: object, name: string, make: (method: Method) => Method): void => {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor;
    Object.defineProperty(owner, name, { ...descriptor, value: make(descriptor.value as Method) });
    undo.push(() => Object.defineProperty(owner, name, descriptor));
  };
  for (const iterator of [[].values(), new Map().values(), new Set().values()])
    replace(
      Object.getPrototypeOf(iterator) as object,
      "next",
      (next) =>
        function (...args) {
          steps++;
          return next.apply(this, args);
        },
    );
  for (const name of arrayMethods)
    replace(
      Array.prototype,
      name,
      (method) =>
        function (...args) {
          steps += (this as unknown[]).length;
          return method.apply(this, args);
        },
    );
  for (const collection of [Map, Set])
    replace(
      collection.prototype,
      "forEach",
      (forEach) =>
        function (...args) {
          steps += (this as Set<unknown>).size;
          return forEach.apply(this, args);
        },
    );
  steps = 0;
  try {
    await fn();
    return steps;
  } finally {
    for (const restore of undo) restore();
  }
}
