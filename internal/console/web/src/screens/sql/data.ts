// Statements, their answers and reports.
import { useQuery } from "@tanstack/react-query";
import { ask, send, url } from "../../api/client";
import { records } from "../../api/kinds";
import type { List, Obj } from "../../api/types";

export interface Column {
  name: string;
  type: string;
}

export interface Rows {
  columns: Column[];
  rows: unknown[][];
  truncated?: boolean;
  elapsedMilliseconds?: number;
}

export interface Statement {
  query?: string;
  report?: string;
  parameters?: Record<string, unknown>;
  limit?: number;
}

const body = (namespace: string | undefined, s: Statement) => ({ spec: { ...s, allNamespaces: namespace ? undefined : true } });

export const run = (namespace: string | undefined, s: Statement, signal?: AbortSignal): Promise<Rows> =>
  ask<{ status: Rows }>(records("sqlqueries", namespace ?? "default"), { method: "POST", body: body(namespace, s), signal }).then((r) => r.status);

export const csv = (namespace: string | undefined, s: Statement): Promise<string> =>
  send(records("sqlqueries", namespace ?? "default"), { method: "POST", accept: "text/csv", body: body(namespace, { ...s, limit: 10_000 }) }).then((r) => r.text());

export type Report = Obj<{ description?: string; query?: string; parameters?: Record<string, unknown>; columns?: { name: string; description?: string }[] }>;

export const useReports = (namespace: string | undefined) =>
  useQuery({ queryKey: ["reports", namespace ?? "default"], queryFn: () => ask<List<Report>>(url(records("reports", namespace ?? "default"), { limit: 500 })).then((l) => l.items), staleTime: 30_000 });

export const saveReport = (namespace: string | undefined, name: string, description: string, query: string) =>
  ask<Report>(records("reports", namespace ?? "default"), {
    method: "POST",
    body: { apiVersion: "records.ark.mckinsey.com/v1alpha1", kind: "Report", metadata: { name }, spec: { description: description || undefined, query } },
  });

/** Views beside those of the kinds. */
const further = ["messages", "tool_calls", "labels", "conditions", "revisions"];

/** The views and their columns, for completion. Those that the server does not have are left out. */
export async function schema(namespace: string | undefined, resources: string[]): Promise<Record<string, string[]>> {
  const out: Record<string, string[]> = {};
  for (const view of [...resources, ...further]) {
    try {
      // One after the other: the server runs few statements at a time, and others want theirs.
      out[view] = (await run(namespace, { query: `SELECT * FROM ${view} LIMIT 0` })).columns.map((c) => c.name);
    } catch {
      // not there
    }
  }
  return out;
}

export const isNumber = (c: Column): boolean => ["integer", "real", "number", "float"].includes(c.type);

/** Columns that a chart can draw: those whose values are all numbers or missing, one at least. */
export function numeric(rows: Rows): number[] {
  return rows.columns.flatMap((c, i) => {
    const some = rows.rows.some((r) => typeof r[i] === "number");
    return some && (isNumber(c) || rows.rows.every((r) => r[i] === null || typeof r[i] === "number")) ? [i] : [];
  });
}

export const cell = (value: unknown): string => (value === null || value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
