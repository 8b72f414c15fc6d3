// What a Query holds of how it was answered.
import type { Obj } from "../api/types";

export interface Target {
  type: string;
  name: string;
}

export interface QuerySpec extends Record<string, unknown> {
  input?: unknown;
  target?: Target;
  timeout?: string;
  ttl?: string;
  sessionId?: string;
  conversationId?: string;
  cancel?: boolean;
}

export interface QueryStatus extends Record<string, unknown> {
  phase?: string;
  duration?: string;
  conversationId?: string;
  conditions?: { type: string; status: string; reason?: string; message?: string; lastTransitionTime?: string }[];
  response?: { target?: Target; content?: string; raw?: string; phase?: string; a2a?: { contextId?: string; taskId?: string } };
  tokenUsage?: { promptTokens?: number; completionTokens?: number; totalTokens?: number; cachedTokens?: number };
}

export type Query = Obj<QuerySpec, QueryStatus>;

export const phaseOf = (q: Query): string => q.status?.phase ?? "pending";
export const ended = (q: Query): boolean => ["done", "error", "canceled"].includes(phaseOf(q));
export const targetOf = (q: Query): Target | undefined => q.spec?.target ?? q.status?.response?.target;
export const inputOf = (q: Query): string => (typeof q.spec?.input === "string" ? q.spec.input : JSON.stringify(q.spec?.input ?? "", null, 2));

/** The task by which a Query waits for a person's decision. */
export const taskOf = (q: Query): string | undefined => (phaseOf(q) === "input-required" ? q.status?.response?.a2a?.taskId : undefined);

export interface ToolCall {
  id?: string;
  function?: { name?: string; arguments?: string };
}

export interface Message {
  role: string;
  name?: string;
  content?: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}

/** The messages behind an answer; none where an engine has written something else. */
export function messagesOf(q: Query): Message[] {
  try {
    const raw: unknown = JSON.parse(q.status?.response?.raw ?? "[]");
    if (!Array.isArray(raw)) return [];
    return raw.filter((m): m is Message => typeof m === "object" && m !== null && typeof (m as Message).role === "string");
  } catch {
    return [];
  }
}

export interface Version {
  resource: string;
  namespace: string;
  name: string;
  version: string;
}

/** What a Query ran with, as its engine has written it down. */
export function versionsOf(q: Query): Version[] {
  try {
    const all = JSON.parse(q.metadata.annotations?.["ark.mckinsey.com/engine-versions"] ?? "{}") as Record<string, unknown>;
    const order = ["teams", "agents", "models", "tools"];
    const rank = (v: Version) => (order.indexOf(v.resource) + order.length + 1) % (order.length + 1);
    return Object.entries(all)
      .flatMap(([object, version]) => {
        const [resource, namespace, name] = object.split("/");
        return resource && namespace && name && typeof version === "string" ? [{ resource, namespace, name, version }] : [];
      })
      .toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
  } catch {
    return [];
  }
}

/** What can be sent to ask the same again. */
export const again = (q: Query, spec: Partial<QuerySpec> = {}): Obj => ({
  apiVersion: q.apiVersion ?? "ark.mckinsey.com/v1alpha1",
  kind: "Query",
  metadata: {
    generateName: `${q.metadata.name.slice(0, 200).replace(/[-.]+$/, "")}-again-`,
    namespace: q.metadata.namespace,
    labels: q.metadata.labels,
  } as unknown as Obj["metadata"],
  spec: { ...q.spec, cancel: undefined, ...spec },
});

export const callText = (call: ToolCall): string => `${call.function?.name ?? "tool"}(${call.function?.arguments ?? ""})`;
