// A chart of an answer: its first column over the others. It is a chunk of its own.
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { useTheme } from "../../app/theme";
import { cell, numeric, type Rows } from "./data";

const isTime = (value: unknown) => typeof value === "string" && /^\d{4}-\d\d(-\d\d)?/.test(value) && !Number.isNaN(Date.parse(value));

/** What is drawn: over time where the first column has times, else beside each other by name. */
export function seriesOf(rows: Rows): { x: number[]; by: string; labels?: string[]; series: { name: string; values: (number | null)[] }[] } {
  const columns = numeric(rows).slice(0, 6);
  const by = rows.columns.findIndex((_, i) => !columns.includes(i));
  const list = rows.rows.slice(0, 2000);
  const overTime = by >= 0 && list.length > 0 && list.every((r) => isTime(r[by]));
  const sorted = overTime ? list.toSorted((a, b) => Date.parse(String(a[by])) - Date.parse(String(b[by]))) : list.slice(0, 60);
  return {
    by: by >= 0 ? rows.columns[by]!.name : "row",
    x: sorted.map((r, i) => (overTime ? Date.parse(String(r[by])) / 1000 : i)),
    labels: overTime ? undefined : sorted.map((r, i) => (by >= 0 ? cell(r[by]) : String(i + 1))),
    series: columns.map((c) => ({ name: rows.columns[c]!.name, values: sorted.map((r) => (typeof r[c] === "number" ? r[c] : null)) })),
  };
}

const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export default function Chart({ rows, height = 260 }: { rows: Rows; height?: number }) {
  const box = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  useEffect(() => {
    const element = box.current;
    const data = seriesOf(rows);
    if (!element || data.series.length === 0) return;
    const style = getComputedStyle(document.documentElement);
    const role = (name: string) => style.getPropertyValue(`--${name}`).trim();
    const strokes = ["accent", "good", "warn", "bad", "dim", "text"].map(role);
    const axis = { stroke: role("dim"), grid: { stroke: role("line"), width: 1 }, ticks: { stroke: role("line"), width: 1 }, font: "12px system-ui" };
    const bars = uPlot.paths.bars!({ size: [0.6, 60] });
    const plot = new uPlot(
      {
        width: element.clientWidth,
        height,
        scales: { x: { time: !data.labels, range: data.labels ? [-0.5, Math.max(data.x.length - 0.5, 0.5)] : undefined }, y: { range: (_u, min, max) => [Math.min(0, min), max === 0 ? 1 : max * 1.05] } },
        axes: [data.labels ? { ...axis, splits: () => data.x.filter((_, i) => i % Math.ceil(data.x.length / 12) === 0), values: (_u, at) => at.map((i) => cut(data.labels![i] ?? "", 14)) } : axis, { ...axis, size: 64 }],
        series: [data.labels ? { label: data.by, value: (_u, i) => (i == null ? "--" : (data.labels![i] ?? "")) } : { label: data.by }, ...data.series.map((s, i) => ({ label: s.name, stroke: strokes[i % strokes.length], fill: data.labels ? `${strokes[i % strokes.length]}99` : undefined, width: 2, paths: data.labels ? bars : undefined, points: { show: !data.labels && data.x.length < 40 } }))],
        cursor: { drag: { x: false, y: false } },
        legend: { live: true },
      },
      [data.x, ...data.series.map((s) => s.values)] as uPlot.AlignedData,
      element,
    );
    const resized = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.destroy();
    };
    // The colours are those of the theme.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [rows, height, theme]);
  const columns = numeric(rows).map((i) => rows.columns[i]!.name);
  return <div ref={box} className="chart" role="img" aria-label={`Chart of ${columns.join(", ")}; the table has its values`} />;
}
