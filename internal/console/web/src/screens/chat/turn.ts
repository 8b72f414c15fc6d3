// One question to a target, whose answer comes as a stream of OpenAI's chunks.
import { send } from "../../api/client";
import { lines } from "../../api/stream";
import { callsOf } from "../../live/approval";
import { arkPath } from "../../live/object";
import { callText, type ToolCall } from "../../live/query";

/** A part of an answer, in the order in which it came. */
export type Part =
  | { kind: "text"; speaker: string; text: string; answer: boolean }
  | { kind: "call"; speaker: string; call: ToolCall }
  | { kind: "approval"; task: string; agent?: string; calls: ToolCall[]; decided?: string };

export interface Turn {
  question: string;
  parts: Part[];
  state: "asking" | "done" | "stopped" | "failed";
  error?: string;
  /** The Query, by its namespace and name. */
  query?: { namespace: string; name: string };
}

interface Chunk {
  choices?: { delta?: { content?: string | null; tool_calls?: ToolCall[] } }[];
  error?: { message?: string };
  ark?: {
    agent?: string;
    content?: string;
    toolCalls?: ToolCall[];
    event?: { type?: string; agentName?: string; taskId?: string; toolCalls?: unknown };
    completedQuery?: { metadata?: { name?: string; namespace?: string } };
  };
}

const whole = (call: ToolCall): boolean => {
  try {
    JSON.parse(call.function?.arguments ?? "");
    return !!call.function?.name;
  } catch {
    return false;
  }
};

/** Adds what a chunk brings. Calls come in parts, and at last as a whole; the whole ones are shown, once. */
export function take(turn: Turn, chunk: Chunk): Turn {
  const parts = [...turn.parts];
  const speaker = chunk.ark?.agent ?? "";
  const say = (text: string | null | undefined, answer: boolean) => {
    if (!text) return;
    const last = parts.at(-1);
    if (last?.kind === "text" && last.speaker === speaker && last.answer === answer) parts[parts.length - 1] = { ...last, text: last.text + text };
    else parts.push({ kind: "text", speaker, text, answer });
  };
  const calls = [...(chunk.ark?.toolCalls ?? [])];
  for (const choice of chunk.choices ?? []) {
    say(choice.delta?.content, true);
    calls.push(...(choice.delta?.tool_calls ?? []));
  }
  say(chunk.ark?.content, false);
  for (const call of calls) {
    const last = parts.at(-1);
    if (whole(call) && !(last?.kind === "call" && last.call.id === call.id && callText(last.call) === callText(call))) parts.push({ kind: "call", speaker, call });
  }
  const event = chunk.ark?.event;
  if (event?.taskId && !parts.some((p) => p.kind === "approval" && p.task === event.taskId)) {
    parts.push({ kind: "approval", task: event.taskId, agent: event.agentName, calls: callsOf(event.toolCalls) });
  }
  const next: Turn = { ...turn, parts };
  if (chunk.error) return { ...next, state: "failed", error: chunk.error.message ?? "the query has failed" };
  return next;
}

export const answerOf = (turn: Turn): string =>
  turn.parts
    .filter((p) => p.kind === "text" && p.answer)
    .map((p) => (p as { text: string }).text)
    .join("");

export interface Asked {
  namespace: string;
  target: { type: string; name: string };
  conversation: string;
  messages: { role: string; content: string }[];
  signal: AbortSignal;
  /** Called when the server has made the Query. */
  onQuery: (query: { namespace: string; name: string }) => void;
  onChunk: (chunk: Chunk) => void;
}

/** Asks, and returns when the answer has ended. A request that is aborted cancels its Query. */
export async function askTarget(a: Asked): Promise<void> {
  const response = await send(`${arkPath(`${a.target.type}s`, a.namespace, a.target.name)}/proxy/v1/chat/completions`, {
    method: "POST",
    accept: "text/event-stream",
    signal: a.signal,
    body: { stream: true, messages: a.messages, metadata: { conversationId: a.conversation, sessionId: a.conversation } },
  });
  const [namespace, name] = (response.headers.get("X-Ark-Query") ?? "").split("/");
  if (namespace && name) a.onQuery({ namespace, name });
  let over = false;
  await lines(response, (line) => {
    if (!line.startsWith("data:")) return;
    const data = line.slice(5).trim();
    if (data === "[DONE]") over = true;
    else a.onChunk(JSON.parse(data) as Chunk);
  });
  if (!over) throw new Error("the server has broken the answer off");
}
