// A task that waits until a person approves calls of tools.
import { useMutation } from "@tanstack/react-query";
import { useRights } from "../app/context";
import { failed, toast } from "../app/toast";
import { ARK } from "../api/kinds";
import { Icon } from "../ui/icons";
import { patch } from "./object";
import type { ToolCall } from "./query";

const pretty = (text: string | undefined): string => {
  try {
    return JSON.stringify(JSON.parse(text ?? ""), null, 2);
  } catch {
    return text ?? "";
  }
};

/** Tool calls as a task or a stream has them: JSON text, or a list. */
export function callsOf(value: unknown): ToolCall[] {
  try {
    const list: unknown = typeof value === "string" ? JSON.parse(value) : value;
    return Array.isArray(list) ? list.filter((c): c is ToolCall => typeof c === "object" && c !== null) : [];
  } catch {
    return [];
  }
}

export function Calls({ calls }: { calls: ToolCall[] }) {
  return (
    <ul className="calls">
      {calls.map((call, i) => (
        <li key={i}>
          <Icon name="tool" size={14} />
          <strong className="plain">{call.function?.name ?? "a tool"}</strong>
          <pre className="plain">{pretty(call.function?.arguments)}</pre>
        </li>
      ))}
    </ul>
  );
}

/** Asks for a decision, and writes it. */
export function Approval({ namespace, task, agent, calls, onDecided }: { namespace: string; task: string; agent?: string; calls: ToolCall[]; onDecided?: (decision: string) => void }) {
  const rights = useRights(namespace);
  const decide = useMutation({
    mutationFn: (decision: "approved" | "rejected") => patch("a2atasks", namespace, `a2a-task-${task}`, { spec: { input: JSON.stringify({ decision }) } }).then(() => decision),
    onSuccess: (decision) => {
      toast(decision === "approved" ? "Approved" : "Rejected", "good");
      onDecided?.(decision);
    },
    onError: failed,
  });
  const may = rights.may("patch", ARK, "a2atasks");
  const done = decide.data;
  return (
    <section className="card approval" aria-label="Approval">
      <h3 className="plain">{agent ? `${agent} wants to call` : "An agent wants to call"}</h3>
      <Calls calls={calls} />
      {done ? (
        <p role="status">{done === "approved" ? "You have approved it." : "You have rejected it."}</p>
      ) : may ? (
        <div className="row">
          <button type="button" className="button primary" disabled={decide.isPending} onClick={() => decide.mutate("approved")}>
            Approve
          </button>
          <button type="button" className="button danger" disabled={decide.isPending} onClick={() => decide.mutate("rejected")}>
            Reject
          </button>
        </div>
      ) : (
        <p className="dim">You may not decide this: that needs the right to patch A2ATasks.</p>
      )}
    </section>
  );
}
