// Who uses what, in one namespace.
import { ask, url } from "../../api/client";
import type { List, Obj } from "../../api/types";
import { arkPath } from "../../live/object";

export interface Node {
  id: string;
  kind: string;
  name: string;
  /** It is referred to, and not there (or may not be listed). */
  missing: boolean;
  ready?: boolean;
  uses: string[];
  usedBy: string[];
}

export const kinds = ["teams", "agents", "models", "tools", "mcpservers"] as const;
const singular: Record<string, string> = { teams: "team", agents: "agent", models: "model", tools: "tool", mcpservers: "mcpserver" };

/** At most this many objects of a kind are drawn. */
const most = 500;

interface Reference {
  type?: string;
  name?: string;
}

function references(kind: string, spec: Record<string, unknown>): string[] {
  const out: string[] = [];
  const add = (type: string | undefined, name: unknown) => {
    if (typeof name === "string" && name && type) out.push(`${type}/${name}`);
  };
  if (kind === "agent") {
    add("model", (spec["modelRef"] as Reference | undefined)?.name ?? "default");
    for (const t of (spec["tools"] as Reference[] | undefined) ?? []) if (!t.type?.startsWith("built")) add("tool", t.name);
  }
  if (kind === "team") {
    for (const m of (spec["members"] as Reference[] | undefined) ?? []) add(m.type, m.name);
    add("agent", (spec["selector"] as { agent?: string } | undefined)?.agent);
  }
  if (kind === "tool") {
    add("agent", (spec["agent"] as Reference | undefined)?.name);
    add("team", (spec["team"] as Reference | undefined)?.name);
    add("mcpserver", (spec["mcp"] as { mcpServerRef?: Reference } | undefined)?.mcpServerRef?.name);
  }
  return [...new Set(out)];
}

const readyOf = (o: Obj): boolean | undefined => {
  const conditions = (o.status?.["conditions"] as { type: string; status: string }[] | undefined) ?? [];
  const c = conditions.find((x) => ["Available", "ModelAvailable", "Ready"].includes(x.type));
  return c && (c.status === "Unknown" ? undefined : c.status === "True");
};

/** Builds the graph of objects by their kinds. */
export function build(objects: { kind: string; object: Obj }[]): Map<string, Node> {
  const nodes = new Map<string, Node>();
  for (const { kind, object } of objects) {
    const id = `${kind}/${object.metadata.name}`;
    nodes.set(id, { id, kind, name: object.metadata.name, missing: false, ready: readyOf(object), uses: references(kind, object.spec ?? {}), usedBy: [] });
  }
  for (const node of [...nodes.values()]) {
    for (const used of node.uses) {
      const [kind, name] = [used.slice(0, used.indexOf("/")), used.slice(used.indexOf("/") + 1)];
      let other = nodes.get(used);
      if (!other) nodes.set(used, (other = { id: used, kind, name, missing: true, uses: [], usedBy: [] }));
      other.usedBy.push(node.id);
    }
  }
  return nodes;
}

export interface Read {
  nodes: Map<string, Node>;
  /** Kinds that may not be listed, or have more objects than are shown. */
  incomplete: string[];
}

export async function read(namespace: string): Promise<Read> {
  const lists = await Promise.allSettled(kinds.map((k) => ask<List<Obj>>(url(arkPath(k, namespace), { limit: most }))));
  if (lists.every((l) => l.status === "rejected")) throw (lists[0] as PromiseRejectedResult).reason;
  const incomplete = kinds.filter((_, i) => lists[i]!.status === "rejected" || (lists[i] as PromiseFulfilledResult<List<Obj>>).value.metadata.continue);
  const objects = lists.flatMap((l, i) => (l.status === "fulfilled" ? l.value.items.map((object) => ({ kind: singular[kinds[i]!]!, object })) : []));
  return { nodes: build(objects), incomplete };
}

/** A node with all that it uses, and all that use it. */
export function around(nodes: Map<string, Node>, focus: string): Map<string, Node> {
  const keep = new Set<string>();
  const walk = (id: string, next: (n: Node) => string[]) => {
    const stack = [id];
    const seen = new Set<string>();
    while (stack.length) {
      const at = stack.pop()!;
      if (seen.has(at)) continue;
      seen.add(at);
      keep.add(at);
      stack.push(...next(nodes.get(at)!).filter((n) => nodes.has(n)));
    }
  };
  if (!nodes.has(focus)) return nodes;
  walk(focus, (n) => n.uses);
  walk(focus, (n) => n.usedBy);
  return new Map([...nodes].filter(([id]) => keep.has(id)));
}

export interface Placed {
  node: Node;
  x: number;
  y: number;
}

export const box = { width: 190, height: 34, gap: 12, column: 270 };

/** Places nodes in columns by kind; within a column, near to what they are connected with, so that few lines cross. */
export function layout(nodes: Map<string, Node>): { placed: Map<string, Placed>; width: number; height: number } {
  // Tools and models share a column: no line between others passes behind them.
  const order = [["team"], ["agent"], ["tool", "model"], ["mcpserver"]];
  const columns = order.map((kinds) => [...nodes.values()].filter((n) => kinds.includes(n.kind)).toSorted((a, b) => a.name.localeCompare(b.name))).filter((c) => c.length > 0);
  const place = new Map<string, number>();
  columns.forEach((c) => c.forEach((n, i) => place.set(n.id, i / Math.max(1, c.length - 1))));
  for (let round = 0; round < 6; round++) {
    for (const column of round % 2 ? columns.toReversed() : columns) {
      const mean = (n: Node) => {
        const near = [...n.uses, ...n.usedBy].map((id) => place.get(id)).filter((p) => p !== undefined);
        return near.length ? near.reduce((a, b) => a + b, 0) / near.length : (place.get(n.id) ?? 0);
      };
      const means = new Map(column.map((n) => [n.id, mean(n)]));
      column.sort((a, b) => means.get(a.id)! - means.get(b.id)! || a.name.localeCompare(b.name));
      column.forEach((n, i) => place.set(n.id, column.length > 1 ? i / (column.length - 1) : means.get(n.id)!));
    }
  }
  const step = box.height + box.gap;
  const tallest = Math.max(1, ...columns.map((c) => c.length));
  const placed = new Map<string, Placed>();
  columns.forEach((column, x) => {
    const top = ((tallest - column.length) * step) / 2;
    column.forEach((node, i) => placed.set(node.id, { node, x: x * box.column, y: top + i * step }));
  });
  return { placed, width: Math.max(1, columns.length) * box.column - (box.column - box.width), height: tallest * step - box.gap };
}
