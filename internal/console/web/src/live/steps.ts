// The steps of a Query, from its events.
import type { KubeEvent } from "./object";

export interface Step {
  key: string;
  kind: string;
  subject: string;
  detail?: string;
  depth: number;
  /** Milliseconds since the first step. */
  start: number;
  /** Milliseconds; undefined for a step that has not ended. */
  took?: number;
  times: number;
  error?: string;
}

const kinds: Record<string, string> = { QueryExecution: "query", TeamExecution: "team", TeamMember: "member", TeamTurn: "turn", AgentExecution: "agent", LLMCall: "model", ToolCall: "tool" };
const levels: Record<string, number> = { QueryExecution: 0, TeamExecution: 1, TeamMember: 2, TeamTurn: 2, AgentExecution: 3, LLMCall: 4, ToolCall: 4 };
const subjects = ["toolName", "memberName", "model", "agent", "teamName", "team", "tool"];

function dataOf(e: KubeEvent): Record<string, string> | undefined {
  try {
    const data = JSON.parse(e.metadata.annotations?.["ark.mckinsey.com/event-data"] ?? "") as unknown;
    return typeof data === "object" && data !== null ? (data as Record<string, string>) : undefined;
  } catch {
    return undefined;
  }
}

/** Pairs beginnings and ends, in the order of time. Events that repeat are one, which says how often. */
export function stepsOf(events: KubeEvent[]): Step[] {
  const begun: { operation: string; subject: string; at: number; event: KubeEvent; data: Record<string, string> }[] = [];
  const ends = new Map<string, { at: number; event: KubeEvent; failed: boolean }[]>();
  for (const event of events) {
    const data = dataOf(event);
    if (!data) continue;
    const at = Date.parse(data["timestamp"] ?? event.firstTimestamp ?? "");
    if (Number.isNaN(at)) continue;
    const subject = subjects.map((s) => data[s]).find(Boolean) ?? "";
    const match = /^(.*?)(Start|Complete|Error)$/.exec(event.reason);
    if (!match) continue;
    const operation = match[1]!;
    if (match[2] === "Start") begun.push({ operation, subject, at: precise(data["timestamp"], at), event, data });
    else {
      const key = `${operation} ${subject}`;
      ends.set(key, [...(ends.get(key) ?? []), { at: precise(data["timestamp"], at), event, failed: match[2] === "Error" }].toSorted((a, b) => a.at - b.at));
    }
  }
  begun.sort((a, b) => a.at - b.at || (levels[a.operation] ?? 9) - (levels[b.operation] ?? 9));
  const used = [...new Set(begun.map((b) => levels[b.operation] ?? 0))].toSorted((a, b) => a - b);
  const first = begun[0]?.at ?? 0;
  return begun.map((b) => {
    const candidates = ends.get(`${b.operation} ${b.subject}`) ?? [];
    const at = candidates.findIndex((e) => e.at >= b.at);
    const end = at >= 0 ? candidates.splice(at, 1)[0] : undefined;
    return {
      key: b.event.metadata.uid,
      kind: kinds[b.operation] ?? b.operation,
      subject: b.subject.replace(/^[^/]*\//, ""),
      detail: b.data["parameters"],
      depth: used.indexOf(levels[b.operation] ?? 0),
      start: b.at - first,
      took: end && end.at - b.at,
      times: b.event.count ?? 1,
      error: end?.failed ? end.event.message : undefined,
    };
  });
}

/** Milliseconds with their fractions, which Date does not have. */
function precise(text: string | undefined, at: number): number {
  const fraction = /\.\d{3}(\d+)/.exec(text ?? "");
  return fraction ? at + Number(`0.${fraction[1]}`) : at;
}

export function milliseconds(ms: number): string {
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
