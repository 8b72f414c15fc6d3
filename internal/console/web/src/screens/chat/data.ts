import { useQuery } from "@tanstack/react-query";
import { ask, url } from "../../api/client";
import { records } from "../../api/kinds";
import type { Table } from "../../api/types";
import { arkPath } from "../../live/object";
import type { Turn } from "./turn";

const table = "application/json;as=Table;v=v1;g=meta.k8s.io";

/** Who can be talked with, as KIND/NAME; of those that may be listed. */
export function useTargets(namespace: string) {
  return useQuery({
    queryKey: ["targets", namespace],
    staleTime: 30_000,
    queryFn: async () => {
      const kinds = ["agents", "teams", "models"];
      const lists = await Promise.allSettled(kinds.map((k) => ask<Table>(url(arkPath(k, namespace), { limit: 500, includeObject: "Metadata" }), { accept: table })));
      return lists.flatMap((l, i) => (l.status === "fulfilled" ? l.value.rows.map((r) => `${kinds[i]!.slice(0, -1)}/${r.object.metadata.name}`) : []));
    },
  });
}

export interface Rows {
  status: { columns: { name: string; type: string }[]; rows: unknown[][]; truncated?: boolean };
}

/** Runs one SELECT in a namespace. */
export const sql = (namespace: string, query: string, parameters?: Record<string, unknown>) =>
  ask<Rows>(records("sqlqueries", namespace), { method: "POST", body: { spec: { query, parameters, limit: 200 } } }).then((r) => r.status.rows);

/** The questions and answers of a conversation, the oldest first. */
export async function earlier(namespace: string, id: string): Promise<Turn[]> {
  const rows = await sql(namespace, "SELECT name, input, output, phase FROM queries WHERE conversation_id = :id ORDER BY created_at DESC, name DESC LIMIT 100", { id });
  return rows.toReversed().map(([name, input, output, phase]): Turn => ({
    question: String(input ?? ""),
    parts: output && phase === "done" ? [{ kind: "text", speaker: "", text: String(output), answer: true }] : [],
    state: phase === "done" ? "done" : phase === "canceled" ? "stopped" : phase === "error" ? "failed" : "done",
    error: phase === "error" ? String(output ?? "the query has failed") : undefined,
    query: { namespace, name: String(name) },
  }));
}

export interface Conversation {
  id: string;
  target: string;
  first: string;
  last: string;
  questions: number;
}

/** The newest conversations of a namespace. */
export async function conversations(namespace: string): Promise<Conversation[]> {
  const rows = await sql(
    namespace,
    `SELECT conversation_id, max(target_type || '/' || target_name), min(created_at), max(created_at), count(*),
       (SELECT substr(q.input, 1, 120) FROM queries q WHERE q.conversation_id = queries.conversation_id ORDER BY q.created_at LIMIT 1)
     FROM queries WHERE conversation_id IS NOT NULL AND target_type IN ('agent', 'team', 'model') GROUP BY conversation_id ORDER BY 4 DESC LIMIT 30`,
  );
  return rows.map((r) => ({ id: String(r[0]), target: String(r[1] ?? ""), last: String(r[3]), questions: Number(r[4]), first: String(r[5] ?? "") }));
}
