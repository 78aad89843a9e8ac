import { useEffect, useState } from "preact/hooks";

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Whether the colours are dark. */
export const useDark = (): boolean => useMedia(dark);

function useMedia(list: MediaQueryList): boolean {
  const [matches, set] = useState(list.matches);
  useEffect(() => {
    const update = (): void => set(list.matches);
    list.addEventListener("change", update);
    update();
    return () => list.removeEventListener("change", update);
  }, [list]);
  return matches;
}
