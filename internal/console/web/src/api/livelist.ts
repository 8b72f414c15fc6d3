// A list that follows the server: pages of 500 in Table format, then a watch. Its order is kept as events arrive, so that an event
// costs a binary search and not a sort.
import { ApiError, ask, url } from "./client";
import { collection, type Kind } from "./kinds";
import type { WatchEvent } from "./stream";
import type { Column, Meta, Table } from "./types";
import { watch } from "./watch";

const ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io";
const PAGE = 500;
/** How many rows are read without being asked for. */
const AHEAD = 5_000;

export interface Row {
  uid: string;
  name: string;
  namespace: string;
  created: string;
  version: number;
  deleting: boolean;
  labels: Record<string, string> | undefined;
  cells: unknown[];
  /** The object was deleted while the order was held. */
  gone?: boolean;
  text?: string;
}

const rowOf = (cells: unknown[], m: Meta): Row => ({
  uid: m.uid,
  name: m.name,
  namespace: m.namespace ?? "",
  created: m.creationTimestamp ?? "",
  version: Number(m.resourceVersion),
  deleting: m.deletionTimestamp !== undefined,
  labels: m.labels,
  cells,
});

export interface Asked {
  kind: Kind;
  namespace: string | undefined;
  labels?: string | undefined;
  fields?: string | undefined;
}

type Compare = (a: Row, b: Row) => number;
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function compareCells(a: unknown, b: unknown): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const x = a === null || a === undefined ? "" : String(a);
  const y = b === null || b === undefined ? "" : String(b);
  const n = Number(x);
  const m = Number(y);
  if (x !== "" && y !== "" && !Number.isNaN(n) && !Number.isNaN(m)) return n - m;
  return compareText(x, y);
}

export class LiveList {
  columns: Column[] = [];
  view: Row[] = [];
  error: unknown;
  loading = true;
  live: "starting" | "live" | "waiting" = "starting";
  /** What the server has beyond what was read; undefined where it does not say. */
  remaining: number | undefined = 0;
  /** New rows since the order is held. */
  fresh = 0;
  revision = 0;

  private readonly rows = new Map<string, Row>();
  /** What was deleted while pages are to be read, which are of the time before. */
  private readonly dead = new Map<string, number>();
  private held: Row[] | undefined;
  private next = "";
  private from = "";
  private filter: string[] = [];
  private compare: Compare = (a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || compareText(a.uid, b.uid);
  private sortedBy = "";
  private readonly listeners = new Set<() => void>();
  private stopWatch: (() => void) | undefined;
  private abort = new AbortController();
  private reading = false;

  constructor(private readonly asked: Asked) {}

  subscribe = (listener: () => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };
  version = () => this.revision;
  private changed() {
    this.revision++;
    for (const l of this.listeners) l();
  }

  get total() {
    return this.rows.size;
  }
  get complete() {
    return this.next === "";
  }
  /** The rows in the order to show: as it was while it is held. */
  get shown(): Row[] {
    return this.held ?? this.view;
  }
  at(uid: string): Row | undefined {
    return this.rows.get(uid);
  }

  start() {
    this.abort = new AbortController();
    void this.restart();
    return () => {
      this.abort.abort();
      this.stopWatch?.();
    };
  }

  private async restart() {
    const { signal } = this.abort;
    this.stopWatch?.();
    this.rows.clear();
    this.dead.clear();
    this.view = [];
    this.held = undefined;
    this.next = "";
    this.loading = true;
    try {
      const page = await this.page("", signal);
      this.from = page.metadata.resourceVersion;
      this.take(page);
      this.loading = false;
      this.error = undefined;
      this.changed();
      this.stopWatch = watch<Table>({
        path: collection(this.asked.kind, this.asked.namespace),
        query: { labelSelector: this.asked.labels, fieldSelector: this.asked.fields, includeObject: "Metadata" },
        accept: ACCEPT,
        from: this.from,
        versionOf: (t) => t.rows?.[0]?.object.metadata.resourceVersion ?? t.metadata?.resourceVersion,
        onEvents: (events) => this.apply(events),
        onExpired: () => void this.restart(),
        onState: (s) => {
          this.live = s;
          this.changed();
        },
      });
      await this.more(AHEAD);
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
      this.loading = false;
      this.changed();
    }
  }

  private page(token: string, signal: AbortSignal) {
    const path = collection(this.asked.kind, this.asked.namespace);
    return ask<Table>(url(path, { limit: PAGE, continue: token, labelSelector: this.asked.labels, fieldSelector: this.asked.fields, includeObject: "Metadata" }), { accept: ACCEPT, signal });
  }

  /** Reads pages until there are so many rows, or all. */
  async more(upTo = this.rows.size + PAGE) {
    const { signal } = this.abort;
    if (this.reading) return;
    this.reading = true;
    try {
      while (this.next && this.rows.size < upTo && !signal.aborted) {
        const page = await this.page(this.next, signal);
        this.take(page);
        this.changed();
        await new Promise((r) => setTimeout(r, 0)); // the page stays usable between pages
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiError && error.code === 410) void this.restart();
      else {
        this.error = error;
        this.changed();
      }
    } finally {
      this.reading = false;
    }
  }

  /** Adds a page by merging it: both are sorted. */
  private take(page: Table) {
    if (page.columnDefinitions?.length) {
      this.columns = page.columnDefinitions;
      const by = this.sortedBy;
      this.sortedBy = "\0";
      this.sort(by);
    }
    this.next = page.metadata.continue ?? "";
    this.remaining = this.next ? page.metadata.remainingItemCount : 0;
    const added: Row[] = [];
    for (const { cells, object } of page.rows) {
      const row = rowOf(cells, object.metadata);
      if (this.rows.has(row.uid) || (this.dead.get(row.uid) ?? 0) >= row.version) continue;
      this.rows.set(row.uid, row);
      if (this.matches(row)) added.push(row);
    }
    if (this.complete) this.dead.clear();
    added.sort(this.compare);
    const merged: Row[] = [];
    let i = 0;
    let j = 0;
    while (i < this.view.length || j < added.length) {
      const a = this.view[i];
      const b = added[j];
      if (a && (!b || this.compare(a, b) <= 0)) {
        merged.push(a);
        i++;
      } else if (b) {
        merged.push(b);
        j++;
      }
    }
    this.view = merged;
    if (this.held) this.held = merged.slice();
  }

  private apply(events: WatchEvent<Table>[]) {
    let fresh = 0;
    for (const { type, object } of events) {
      if (object.columnDefinitions?.length && this.columns.length === 0) this.columns = object.columnDefinitions;
      for (const { cells, object: of } of object.rows ?? []) {
        const row = rowOf(cells, of.metadata);
        const before = this.rows.get(row.uid);
        if (before && before.version > row.version) continue;
        if (type === "DELETED") {
          if (!this.complete) this.dead.set(row.uid, row.version);
          if (before) {
            this.remove(before);
            this.rows.delete(row.uid);
            before.gone = true;
          }
          continue;
        }
        if (before) {
          this.remove(before);
          // What is on the screen changes in its place.
          const at = this.held?.indexOf(before) ?? -1;
          if (at >= 0) this.held![at] = row;
        } else if (type === "MODIFIED" && this.next) {
          continue; // it is on a page that was not read
        }
        this.rows.set(row.uid, row);
        if (this.matches(row)) {
          this.view.splice(this.place(row), 0, row);
          if (!before) fresh++;
        }
      }
    }
    if (this.held) this.fresh += fresh;
    this.changed();
  }

  private place(row: Row): number {
    let low = 0;
    let high = this.view.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.compare(this.view[middle]!, row) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  private remove(row: Row) {
    const at = this.place(row);
    if (this.view[at] === row) this.view.splice(at, 1);
  }

  private matches(row: Row): boolean {
    if (this.filter.length === 0) return true;
    row.text ??= [row.name, row.namespace, ...row.cells, ...Object.entries(row.labels ?? {}).map(([k, v]) => `${k}=${v}`)].join("\n").toLowerCase();
    return this.filter.every((word) => row.text!.includes(word));
  }

  /** Orders by a column, -COLUMN backward; "" is by name. */
  sort(by: string) {
    if (by === this.sortedBy) return;
    this.sortedBy = by;
    const down = by.startsWith("-") ? -1 : 1;
    const name = (down < 0 ? by.slice(1) : by).toLowerCase();
    const at = this.columns.findIndex((c) => c.name.toLowerCase() === name);
    const last: Compare = (a, b) => compareText(a.namespace, b.namespace) || compareText(a.name, b.name) || compareText(a.uid, b.uid);
    if (name === "" || name === "name") this.compare = (a, b) => down * (compareText(a.name, b.name) || compareText(a.namespace, b.namespace)) || compareText(a.uid, b.uid);
    else if (name === "namespace") this.compare = (a, b) => down * compareText(a.namespace, b.namespace) || last(a, b);
    else if (name === "age") this.compare = (a, b) => down * compareText(b.created, a.created) || last(a, b);
    else if (at >= 0) this.compare = (a, b) => down * compareCells(a.cells[at], b.cells[at]) || last(a, b);
    else this.compare = last;
    this.build();
  }

  search(text: string) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.join(" ") === this.filter.join(" ")) return;
    this.filter = words;
    this.build();
  }

  private build() {
    this.view = [...this.rows.values()].filter((r) => this.matches(r)).sort(this.compare);
    if (this.held) this.held = this.view.slice();
    this.changed();
  }

  /** Keeps the order as it is until release: rows change in their place. */
  hold() {
    if (this.held || this.loading) return;
    this.held = this.view.slice();
    this.fresh = 0;
  }
  release() {
    if (!this.held) return;
    this.held = undefined;
    this.fresh = 0;
    this.changed();
  }
  /** Shows what is new, and goes on holding. */
  refresh() {
    this.held = undefined;
    this.hold();
    this.changed();
  }
}
