import { ask } from "./client";
import { records } from "./kinds";

export interface Answer {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
}

export interface SummarySpec {
  kind: string;
  groupBy?: string[];
  metrics?: string[];
  since?: string;
  until?: string;
  where?: Record<string, unknown>;
  orderBy?: string;
  limit?: number;
}

/** Counts and sums without SQL; in all namespaces where none is given. */
export async function summary(namespace: string | undefined, spec: SummarySpec): Promise<Answer> {
  const answer = await ask<{ status: Answer }>(records("summaries", namespace ?? "default"), { method: "POST", body: { spec: { ...spec, ...(namespace ? {} : { allNamespaces: true }) } } });
  return answer.status;
}
