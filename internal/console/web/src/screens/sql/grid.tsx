// The rows of an answer. Only those on the screen are in the page.
import { useVirtualizer } from "@tanstack/react-virtual";
import { useRef } from "react";
import { Empty } from "../../ui/states";
import { cell, isNumber, numeric, type Rows } from "./data";

export function Grid({ rows, height = 420 }: { rows: Rows; height?: number }) {
  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: rows.rows.length, getScrollElement: () => box.current, estimateSize: () => 30, overscan: 12 });
  if (rows.columns.length === 0) return <Empty title="The answer has no columns" />;
  const numbers = new Set(numeric(rows));
  const right = (i: number) => (numbers.has(i) || isNumber(rows.columns[i]!) ? "num" : "");
  const items = virtual.getVirtualItems();
  const before = items[0]?.start ?? 0;
  const after = virtual.getTotalSize() - (items.at(-1)?.end ?? 0);
  return (
    <div className="grid-box" ref={box} style={{ maxHeight: height }} tabIndex={0} role="region" aria-label="Rows">
      <table className="data" aria-rowcount={rows.rows.length + 1}>
        <thead>
          <tr>
            {rows.columns.map((c, i) => (
              <th key={i} scope="col" className={right(i)}>
                {c.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <tr aria-hidden="true" style={{ height: before }} />}
          {items.map((item) => (
            <tr key={item.key} aria-rowindex={item.index + 2}>
              {rows.columns.map((_, i) => {
                const text = cell(rows.rows[item.index]?.[i]);
                return (
                  <td key={i} className={right(i)}>
                    <span className="plain" title={text.length > 40 ? text.slice(0, 2000) : undefined}>
                      {text.slice(0, 500)}
                    </span>
                  </td>
                );
              })}
            </tr>
          ))}
          {after > 0 && <tr aria-hidden="true" style={{ height: after }} />}
        </tbody>
      </table>
    </div>
  );
}
