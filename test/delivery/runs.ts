/** How many cases a property is tried with; the environment variable RUNS multiplies it. */
export function runs(count: number): number {
  return Math.ceil(count * Number(process.env["RUNS"] ?? 1));
}
