import { Calls } from "../../live/approval";
import { messagesOf, type Query } from "../../live/query";
import { Said } from "../../live/said";
import { Empty } from "../../ui/states";

/** What was said and which tools were called, in order. */
export function Messages({ q }: { q: Query }) {
  const messages = messagesOf(q);
  if (messages.length === 0) return <Empty title="There are no messages yet" />;
  return (
    <ol className="messages">
      {messages.map((m, i) => (
        <li key={i} className={`card message ${m.role === "tool" ? "from-tool" : ""}`}>
          <h3 className="plain">{m.role === "tool" ? `result of ${nameOf(messages, m.tool_call_id)}` : (m.name ?? m.role)}</h3>
          {m.tool_calls && m.tool_calls.length > 0 && <Calls calls={m.tool_calls} />}
          {typeof m.content === "string" && m.content !== "" && (m.role === "assistant" ? <Said text={m.content} /> : <pre className="plain">{m.content}</pre>)}
        </li>
      ))}
    </ol>
  );
}

/** The tool of a call. */
function nameOf(messages: ReturnType<typeof messagesOf>, id: string | undefined): string {
  for (const m of messages) for (const call of m.tool_calls ?? []) if (call.id === id && call.function?.name) return call.function.name;
  return "a tool";
}
