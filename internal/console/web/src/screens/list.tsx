import "../styles/list.css";
import { Link, useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useDeferredValue, useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { send } from "../api/client";
import { type Kind, member } from "../api/kinds";
import { LiveList, type Row } from "../api/livelist";
import type { Column } from "../api/types";
import { useKind, useRights } from "../app/context";
import { plural } from "../app/layout";
import { pageOf } from "../app/pages";
import { failed, toast } from "../app/toast";
import { listRoute } from "../routes";
import { Badge, toneOf } from "../ui/badge";
import { CommandLine, shell } from "../ui/copy";
import { Confirm } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { Empty, Failure, Loading } from "../ui/states";
import { Age, exact } from "../ui/time";

const ROW = 34;

export function ListScreen() {
  const { resource } = listRoute.useParams();
  const kind = useKind(resource);
  if (!kind) return <Empty title={`The server has no ${resource}`} />;
  return <List key={kind.id} kind={kind} />;
}

/** A list's kubectl line. */
function lineOf(kind: Kind, namespace: string | undefined, labels?: string, fields?: string): string {
  const where = !kind.namespaced ? "" : namespace ? ` -n ${shell(namespace)}` : " -A";
  return `kubectl get ${kind.group ? `${kind.resource}.${kind.group}` : kind.resource}${where}${labels ? ` -l ${shell(labels)}` : ""}${fields ? ` --field-selector ${shell(fields)}` : ""}`;
}

function List({ kind }: { kind: Kind }) {
  const search = listRoute.useSearch();
  const navigate = useNavigate({ from: listRoute.fullPath });
  const { namespace, labels, fields, q = "" } = search;
  const rights = useRights(namespace);
  const list = useMemo(() => new LiveList({ kind, namespace, labels, fields }), [kind, namespace, labels, fields]);
  useEffect(() => list.start(), [list]);
  useSyncExternalStore(list.subscribe, list.version);

  const sort = search.sort ?? (["queries", "events", "a2atasks"].includes(kind.resource) ? "age" : "");
  const deferred = useDeferredValue(q);
  useEffect(() => list.sort(sort), [list, sort, list.columns]);
  useEffect(() => list.search(deferred), [list, deferred]);
  const set = (change: Partial<typeof search>, replace = true) => void navigate({ search: (s) => ({ ...s, ...change }), replace });

  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  useEffect(() => setChosen(new Set()), [list]);
  const [deleting, setDeleting] = useState(false);
  const selected = [...chosen].filter((uid) => list.at(uid));

  const columns = useMemo(() => {
    const wanted = search.columns?.split(",");
    const all: { column: Column; at: number }[] = list.columns.map((column, at) => ({ column, at }));
    return all.filter(({ column }) => column.name === "Name" || (wanted ? wanted.includes(column.name) : column.priority === 0));
  }, [list.columns, search.columns]);

  return (
    <div className="page full">
      <header>
        <h1>{plural(kind.kind)}</h1>
        <span className={`live ${list.live === "live" ? "on" : ""}`} role="status">
          {list.live === "live" ? "Live" : list.live === "waiting" ? "Reconnecting" : "Loading"}
        </span>
        <div className="row right">
          <input className="input" type="search" data-search aria-label="Filter" placeholder="Filter  /" defaultValue={q} key={`q${resourceKey(kind)}`} onChange={(e) => set({ q: e.target.value || undefined })} style={{ width: 190 }} />
          <Selectors labels={labels} fields={fields} onChange={(l, f) => set({ labels: l || undefined, fields: f || undefined }, false)} />
          <ColumnPicker columns={list.columns} shown={columns.map((c) => c.column.name)} onChange={(names) => set({ columns: names?.join(",") })} />
          <CommandLine lines={[lineOf(kind, namespace, labels, fields), `${lineOf(kind, namespace, labels, fields)} --watch`]} />
          {kind.verbs.includes("create") && rights.may("create", kind.group, kind.resource) && (
            <Link className="button primary" to="/new/$resource" params={{ resource: kind.id }}>
              New
            </Link>
          )}
        </div>
      </header>
      <div className="list-body">
        {selected.length > 0 && (
          <div className="notice" role="status">
            <span className="grow">{selected.length.toLocaleString()} selected</span>
            {rights.may("delete", kind.group, kind.resource) && kind.verbs.includes("delete") && (
              <button type="button" className="button danger" onClick={() => setDeleting(true)}>
                <Icon name="trash" /> Delete
              </button>
            )}
            <button type="button" className="button quiet" onClick={() => setChosen(new Set())}>
              Clear
            </button>
          </div>
        )}
        {list.error !== undefined && <Failure error={list.error} retry={() => location.reload()} what={`${plural(kind.kind)} cannot be listed`} />}
        {list.loading ? <Loading /> : list.error !== undefined && list.total === 0 ? null : <Grid kind={kind} list={list} columns={columns} sort={sort} onSort={(s) => set({ sort: s })} chosen={chosen} onChoose={setChosen} allNamespaces={kind.namespaced && !namespace} q={q} />}
        <div className="grid-foot">
          <span role="status">
            {q ? `${list.view.length.toLocaleString()} of ` : ""}
            {list.total.toLocaleString()}
            {list.complete ? "" : list.remaining === undefined ? " and more on the server" : ` of ${(list.total + list.remaining).toLocaleString()}`}
          </span>
          {!list.complete && (
            <button type="button" className="button quiet" onClick={() => void list.more(Number.POSITIVE_INFINITY)}>
              Load all
            </button>
          )}
          <span className="right wide-only">
            <kbd>↑</kbd> <kbd>↓</kbd> move · <kbd>Enter</kbd> open · <kbd>x</kbd> select
          </span>
        </div>
      </div>
      {deleting && <DeleteSelected kind={kind} rows={selected.map((uid) => list.at(uid)!)} onClose={() => setDeleting(false)} onDone={() => (setDeleting(false), setChosen(new Set()))} />}
    </div>
  );
}

const resourceKey = (kind: Kind) => kind.id;

function Selectors({ labels = "", fields = "", onChange }: { labels: string | undefined; fields: string | undefined; onChange: (labels: string, fields: string) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="popover">
      <button type="button" className="button" aria-expanded={open} aria-pressed={labels !== "" || fields !== ""} onClick={() => setOpen(!open)}>
        Selectors
      </button>
      {open && (
        <div role="group" aria-label="Selectors" onKeyDown={(e) => e.key === "Escape" && setOpen(false)}>
          <form
            className="stack"
            onSubmit={(e) => {
              e.preventDefault();
              const data = new FormData(e.currentTarget);
              onChange(String(data.get("labels")).trim(), String(data.get("fields")).trim());
              setOpen(false);
            }}
          >
            <label className="field">
              <span>Labels</span>
              <input className="input" name="labels" defaultValue={labels} placeholder="team=search,stage!=test" autoFocus />
            </label>
            <label className="field">
              <span>Fields</span>
              <input className="input" name="fields" defaultValue={fields} placeholder="status.phase=error" />
            </label>
            <button type="submit" className="button primary">
              Apply on the server
            </button>
          </form>
        </div>
      )}
    </div>
  );
}

function ColumnPicker({ columns, shown, onChange }: { columns: Column[]; shown: string[]; onChange: (names: string[] | undefined) => void }) {
  const [open, setOpen] = useState(false);
  return (
    <div className="popover">
      <button type="button" className="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        Columns
      </button>
      {open && (
        <div role="group" aria-label="Columns" onKeyDown={(e) => e.key === "Escape" && setOpen(false)}>
          {columns
            .filter((c) => c.name !== "Name")
            .map((c) => (
              <label key={c.name} title={c.description}>
                <input type="checkbox" checked={shown.includes(c.name)} onChange={(e) => onChange(e.target.checked ? [...shown, c.name] : shown.filter((n) => n !== c.name))} />
                {c.name}
              </label>
            ))}
          <button type="button" className="button quiet" onClick={() => (onChange(undefined), setOpen(false))}>
            As kubectl shows them
          </button>
        </div>
      )}
    </div>
  );
}

interface GridProps {
  kind: Kind;
  list: LiveList;
  columns: { column: Column; at: number }[];
  sort: string;
  onSort: (by: string | undefined) => void;
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  allNamespaces: boolean;
  q: string;
}

const widthOf = (c: Column) => (c.name === "Name" ? "minmax(var(--name-width), 2.2fr)" : c.name === "Age" ? "90px" : c.type === "integer" || c.type === "number" || c.type === "boolean" ? "minmax(80px, .7fr)" : "minmax(var(--cell-width), 1.2fr)");

function Grid({ kind, list, columns, sort, onSort, chosen, onChoose, allNamespaces, q }: GridProps) {
  const box = useRef<HTMLDivElement>(null);
  const [focus, setFocus] = useState(0);
  const rows = list.shown;
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12, getItemKey: (i) => rows[i]?.uid ?? i });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (!list.complete && lastShown > rows.length - 60) void list.more();
  }, [list, lastShown, rows.length]);
  const navigate = useNavigate();
  const open = (row: Row) => void navigate(pageOf(kind, row.namespace, row.name) as never);
  const toggle = (uid: string) => {
    const next = new Set(chosen);
    if (!next.delete(uid)) next.add(uid);
    onChoose(next);
  };
  const onKey = (e: KeyboardEvent) => {
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1, PageDown: 15, PageUp: -15, Home: -rows.length, End: rows.length }[e.key];
    if (step !== undefined && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      const next = Math.max(0, Math.min(rows.length - 1, focus + step));
      setFocus(next);
      virtual.scrollToIndex(next);
      requestAnimationFrame(() => requestAnimationFrame(() => box.current?.querySelector<HTMLElement>(`[data-row="${next}"] a`)?.focus({ preventScroll: true })));
    } else if (e.key === "x" && rows[focus] && !e.ctrlKey && !e.metaKey) {
      e.preventDefault();
      toggle(rows[focus].uid);
    }
  };
  const template = ["34px", ...columns.flatMap(({ column }) => (column.name === "Name" && allNamespaces ? ["minmax(var(--namespace-width), 1fr)", widthOf(column)] : [widthOf(column)]))].join(" ");
  const head = (name: string, title?: string) => {
    const key = name.toLowerCase();
    const [by, down] = sort.startsWith("-") ? [sort.slice(1), true] : [sort || "name", false];
    const is = by === key;
    return (
      <div key={name} role="columnheader" className="grid-cell" aria-sort={is ? (down ? "descending" : "ascending") : "none"} title={title}>
        <button type="button" onClick={() => onSort(is && !down ? `-${key}` : key)}>
          {name}
          {is && <span aria-hidden="true">{down ? "↓" : "↑"}</span>}
        </button>
      </div>
    );
  };
  if (rows.length === 0)
    return (
      <Empty title={q ? "Nothing matches the filter" : `There are no ${plural(kind.kind).toLowerCase()} here`}>
        {!q && <span>They appear as they are made.</span>}
      </Empty>
    );
  const allChosen = chosen.size > 0 && rows.every((r) => chosen.has(r.uid));
  return (
    // The button is inside, so that the way to it does not release the order.
    <div className="grid-wrap" onPointerEnter={(e) => e.pointerType === "mouse" && list.hold()} onPointerLeave={() => list.release()}>
      {list.fresh > 0 && (
        <button
          type="button"
          className="button primary pill"
          onClick={() => {
            list.refresh();
            box.current?.scrollTo({ top: 0 });
          }}
        >
          {list.fresh.toLocaleString()} new
        </button>
      )}
      <div
        className="grid-box"
        ref={box}
        role="grid"
        aria-label={plural(kind.kind)}
        aria-rowcount={rows.length + 1}
        aria-multiselectable="true"
        tabIndex={-1}
        style={{ ["--columns" as string]: template }}
        onKeyDown={onKey}
      >
        <div className="grid-row grid-head" role="row" aria-rowindex={1}>
          <div className="grid-cell check" role="columnheader">
            <input type="checkbox" aria-label={`Select all ${rows.length} loaded`} checked={allChosen} onChange={() => onChoose(allChosen ? new Set() : new Set(rows.map((r) => r.uid)))} />
          </div>
          {columns.flatMap(({ column }) => (column.name === "Name" && allNamespaces ? [head("Namespace"), head(column.name, column.description)] : [head(column.name, column.description)]))}
        </div>
        <div style={{ height: virtual.getTotalSize(), position: "relative" }} role="rowgroup">
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            return (
              <div
                key={item.key}
                data-row={item.index}
                className={`grid-row grid-line ${row.gone ? "gone" : ""}`}
                role="row"
                aria-rowindex={item.index + 2}
                aria-selected={chosen.has(row.uid)}
                style={{ transform: `translateY(${item.start}px)` }}
                onFocus={() => setFocus(item.index)}
                onDoubleClick={() => open(row)}
              >
                <div className="grid-cell check" role="gridcell">
                  <input type="checkbox" tabIndex={-1} aria-label={`Select ${row.name}`} checked={chosen.has(row.uid)} onChange={() => toggle(row.uid)} />
                </div>
                {columns.flatMap(({ column, at }) => {
                  if (column.name === "Name") {
                    const cell = (
                      <div key="Name" className="grid-cell plain" role="gridcell" title={row.name}>
                        <Link {...pageOf(kind, row.namespace, row.name)} tabIndex={item.index === focus ? 0 : -1}>
                          {row.name}
                        </Link>{" "}
                        {row.deleting && <Badge text="Terminating" tone="warn" />}
                      </div>
                    );
                    return allNamespaces ? [<div key="Namespace" className="grid-cell dim" role="gridcell">{row.namespace}</div>, cell] : [cell];
                  }
                  return [
                    <div key={column.name} className="grid-cell plain" role="gridcell">
                      <Cell column={column} row={row} value={row.cells[at]} />
                    </div>,
                  ];
                })}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Cell({ column, row, value }: { column: Column; row: Row; value: unknown }) {
  if (column.name === "Age") return <Age time={row.created} />;
  if (value === null || value === undefined || value === "" || value === "<none>") return <span className="dim">–</span>;
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return <span title={exact(text)}>{exact(text)}</span>;
  if (/^(phase|status|ready|available|state|discovering|executing|health)$/i.test(column.name) && toneOf(text)) return <Badge text={text} />;
  return <span title={text.slice(0, 2000)}>{text.slice(0, 500)}</span>;
}

function DeleteSelected({ kind, rows, onClose, onDone }: { kind: Kind; rows: Row[]; onClose: () => void; onDone: () => void }) {
  const [done, setDone] = useState<number>();
  const run = async () => {
    setDone(0);
    const errors: unknown[] = [];
    const left = [...rows];
    await Promise.all(
      Array.from({ length: 6 }, async () => {
        for (let row = left.pop(); row; row = left.pop()) {
          try {
            await send(member(kind, row.namespace || undefined, row.name), { method: "DELETE", body: { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: row.uid }, propagationPolicy: "Background" } });
          } catch (error) {
            errors.push(error);
          }
          setDone((n) => (n ?? 0) + 1);
        }
      }),
    );
    if (errors.length > 0) failed(new Error(`${errors.length} of ${rows.length} were not deleted: ${(errors[0] as Error).message}`));
    else toast(`${rows.length} deleted${kind.group === "ark.mckinsey.com" ? ". They are in the trash." : ""}`, "good");
    onDone();
  };
  return (
    <Confirm title={`Delete ${rows.length} ${rows.length === 1 ? kind.kind : plural(kind.kind).toLowerCase()}?`} action={done === undefined ? "Delete" : `${done} of ${rows.length}`} busy={done !== undefined} onConfirm={() => void run()} onClose={onClose}>
      <ul className="mono" style={{ maxHeight: 220, overflow: "auto" }}>
        {rows.slice(0, 50).map((r) => (
          <li key={r.uid} className="plain">
            {r.namespace ? `${r.namespace}/` : ""}
            {r.name}
          </li>
        ))}
        {rows.length > 50 && <li>and {rows.length - 50} more</li>}
      </ul>
    </Confirm>
  );
}
