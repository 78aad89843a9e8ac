const marker = "// =>";

/** What the block of `// => ` lines at the end of a program says that it prints. */
export function expectedOutput(source: string): string[] {
  const lines = source.trimEnd().split("\n");
  const before = lines.findLastIndex((line) => !line.startsWith(marker));
  return lines.slice(before + 1).map((line) => line.slice(marker.length).replace(/^ /, ""));
}
