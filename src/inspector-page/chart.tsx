import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { rate, shortCount } from "./format.js";
import { type History, type Line, maxSamples } from "./history.js";
import { useDark } from "./media.js";

const spark = { width: 72, height: 24 } as const;
const chartHeight = 150;

/** The colour of a line, as the style sheet has it. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** From the oldest sample that is kept to the newest. */
function span(times: ArrayLike<number>): [number, number] {
  const newest = times[times.length - 1] ?? 0;
  return [newest - maxSamples, newest];
}

function dataOf(lines: readonly Line[]): uPlot.AlignedData {
  const times = lines[0]?.times ?? [];
  return [[...times], ...lines.map(({ values }) => [...values])];
}

const fromZero: uPlot.Scale.Range = (_, __, max) => [0, max > 0 ? max * 1.05 : 1];

/** A small line without axes. Decoration: its latest value stands beside it as text. */
export function Sparkline({ history, id, tone }: { history: History; id: string; tone: string }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const isDark = useDark();
  const line = history.line(id);

  useEffect(() => {
    if (place.current === null) return undefined;
    plot.current = new uPlot(
      {
        ...spark,
        cursor: { show: false },
        legend: { show: false },
        select: { show: false, left: 0, top: 0, width: 0, height: 0 },
        padding: [2, 1, 1, 1],
        axes: [{ show: false }, { show: false }],
        scales: {
          x: { time: false, range: (plotted) => span(plotted.data[0]) },
          y: { range: fromZero },
        },
        series: [
          {},
          {
            stroke: colour(tone),
            fill: colour(`${tone}-fill`),
            width: 1.25,
            points: { show: false },
          },
        ],
      },
      [[], []],
      place.current,
    );
    return () => plot.current?.destroy();
  }, [tone, isDark]);

  useEffect(() => {
    if (line !== undefined) plot.current?.setData(dataOf([line]));
  }, [history, history.version, id, tone, isDark]);

  return <div class="spark" ref={place} aria-hidden="true" />;
}

/** A line of a chart. */
export interface ChartLine {
  readonly id: string;
  readonly label: string;
  readonly tone: string;
  /** Told apart without its colour. */
  readonly dashed?: boolean;
}

interface ChartProps {
  readonly history: History;
  readonly title: string;
  readonly unit: "rate" | "count";
  readonly lines: readonly ChartLine[];
}

/** The last minutes of one or two lines, with axes. */
export function Chart({ history, title, unit, lines }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const isDark = useDark();
  const ids = lines.map(({ id }) => id).join("\n");
  const format = unit === "rate" ? rate : shortCount;

  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const made = new uPlot(
      options(element.clientWidth, lines, unit),
      [[], ...lines.map(() => [])] as uPlot.AlignedData,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: chartHeight }),
    );
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
    };
  }, [ids, unit, isDark]);

  useEffect(() => {
    const read = lines.map(({ id }) => history.line(id));
    if (read.every((line) => line !== undefined)) plot.current?.setData(dataOf(read));
  }, [history.version, ids, unit, isDark]);

  const said = lines.map(({ id, label }) => `${label} ${format(history.latest(id))}`);
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        {lines.map(({ id, label, tone, dashed }) => (
          <span key={id} class={`key ${tone} ${dashed ? "dashed" : ""}`}>
            {label} {format(history.latest(id))}
          </span>
        ))}
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={`${title}, the last 5 minutes. Now: ${said.join(", ")}`}
      />
    </figure>
  );
}

function options(
  width: number,
  lines: readonly ChartLine[],
  unit: "rate" | "count",
): uPlot.Options {
  const axis: uPlot.Axis = {
    stroke: colour("muted"),
    font: "11px system-ui, sans-serif",
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: chartHeight,
    cursor: { show: false },
    legend: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    padding: [8, 14, 0, 0],
    scales: {
      x: { time: false, range: (plotted) => span(plotted.data[0]) },
      y: { range: fromZero },
    },
    axes: [
      {
        ...axis,
        size: 24,
        splits: ({ data }) => {
          const newest = data[0].at(-1) ?? 0;
          return [-300, -240, -180, -120, -60, 0].map((seconds) => newest + seconds);
        },
        values: ({ data }, splits) => {
          const newest = data[0].at(-1) ?? 0;
          return splits.map((time) => (time === newest ? "now" : `${(time - newest) / 60} min`));
        },
      },
      {
        ...axis,
        size: 52,
        values: (_, splits) =>
          splits.map((value) => (unit === "rate" ? `${shortCount(value)}/s` : shortCount(value))),
      },
    ],
    series: [
      {},
      ...lines.map(({ tone, dashed }) => ({
        stroke: colour(tone),
        width: 1.5,
        points: { show: false },
        ...(dashed ? { dash: [5, 4] } : { fill: colour(`${tone}-fill`) }),
      })),
    ],
  };
}
