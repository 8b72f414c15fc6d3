import { useState } from "react";
import { exact } from "./time";

const LONG = 1200;

/** A text of any length, as text. */
export function Text({ value }: { value: string }) {
  const [all, setAll] = useState(false);
  if (value === "") return <span className="dim">empty</span>;
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return <time dateTime={value} title={value}>{exact(value)}</time>;
  const block = value.length > 80 || value.includes("\n");
  const shown = all ? value : value.slice(0, LONG);
  return (
    <>
      {block ? <pre className="plain">{shown}</pre> : <span className="plain">{shown}</span>}
      {value.length > LONG && (
        <button type="button" className="button quiet" onClick={() => setAll(!all)}>
          {all ? "Less" : `All ${value.length.toLocaleString()} characters`}
        </button>
      )}
    </>
  );
}

/** A value of JSON as a tree of names and texts. */
export function Fields({ value, depth = 0 }: { value: unknown; depth?: number }) {
  if (value === null || value === undefined) return <span className="dim">none</span>;
  if (typeof value === "string") return <Text value={value} />;
  if (typeof value !== "object") return <span className="mono">{String(value)}</span>;
  if (depth > 12) return <Text value={JSON.stringify(value, null, 2)} />;
  if (Array.isArray(value)) {
    if (value.length === 0) return <span className="dim">none</span>;
    if (value.every((v) => typeof v !== "object")) return <span className="plain">{value.map(String).join(", ")}</span>;
    return <Items items={value} depth={depth} />;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return <span className="dim">none</span>;
  return (
    <dl className="facts">
      {entries.map(([name, v]) => (
        <FieldRow key={name} name={name} value={v} depth={depth} />
      ))}
    </dl>
  );
}

function FieldRow({ name, value, depth }: { name: string; value: unknown; depth: number }) {
  return (
    <>
      <dt className="plain">{name}</dt>
      <dd>
        <Fields value={value} depth={depth + 1} />
      </dd>
    </>
  );
}

function Items({ items, depth }: { items: unknown[]; depth: number }) {
  const [most, setMost] = useState(20);
  return (
    <ol className="items">
      {items.slice(0, most).map((v, i) => (
        <li key={i}>
          <Fields value={v} depth={depth + 1} />
        </li>
      ))}
      {items.length > most && (
        <li>
          <button type="button" className="button quiet" onClick={() => setMost(most + 200)}>
            {items.length - most} more
          </button>
        </li>
      )}
    </ol>
  );
}
