/** Drawings of 16 by 16, in the colour of the text. */
const drawings = {
  running: "M8 3.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9Z",
  starting: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 1.6v8.8a4.4 4.4 0 0 1 0-8.8Z",
  stopping: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 1.6a4.4 4.4 0 1 1 0 8.8 4.4 4.4 0 0 1 0-8.8Z",
  restarting: "M8 2a6 6 0 0 1 4.6 2.2V2H14v4.6H9.4V5.2h2.2A4.5 4.5 0 1 0 12.5 8H14A6 6 0 1 1 8 2Z",
  stopped: "M3.5 3.5h9v9h-9z",
  info: "M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13ZM7.2 7h1.6v4.6H7.2zM8 4a1 1 0 1 1 0 2 1 1 0 0 1 0-2Z",
  warn: "M8 1.6 15 14H1L8 1.6Zm-.8 4.6v4h1.6v-4H7.2Zm0 5.1v1.5h1.6v-1.5H7.2Z",
  error:
    "M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3l3.8-3.8Zm1.9 3v4.6h1.6V4.5H7.2Zm0 5.8V12h1.6v-1.7H7.2Z",
  pause: "M4 3h3v10H4zM9 3h3v10H9z",
  chevron: "M6 3.5 10.5 8 6 12.5 5 11.4 8.4 8 5 4.6 6 3.5Z",
  down: "M3.5 6 8 10.5 12.5 6l-1.1-1L8 8.4 4.6 5l-1.1 1Z",
  up: "M3.5 10 8 5.5l4.5 4.5-1.1 1L8 7.6 4.6 11l-1.1-1Z",
  close:
    "m3.5 4.6 1.1-1.1L8 6.9l3.4-3.4 1.1 1.1L9.1 8l3.4 3.4-1.1 1.1L8 9.1l-3.4 3.4-1.1-1.1L6.9 8 3.5 4.6Z",
  ok: "m6.4 12.6-4-4 1.2-1.2 2.8 2.9 6-6 1.2 1.1-7.2 7.2Z",
} as const;

export type IconName = keyof typeof drawings;

/** Decoration: what it says is said in words beside it. */
export function Icon({ name, class: kind = "" }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${kind}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={drawings[name]} />
    </svg>
  );
}
