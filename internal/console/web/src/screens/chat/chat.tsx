// A conversation with an agent, a team or a model.
import "../../live/live.css";
import "./chat.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useRights } from "../../app/context";
import { ask } from "../../api/client";
import { ARK } from "../../api/kinds";
import { Gather } from "../../live/gather";
import { Approval } from "../../live/approval";
import { arkPath } from "../../live/object";
import { callText } from "../../live/query";
import { Said } from "../../live/said";
import { CommandLine } from "../../ui/copy";
import { Icon } from "../../ui/icons";
import { Empty } from "../../ui/states";
import { Conversations } from "./conversations";
import { earlier, useTargets } from "./data";
import { answerOf, askTarget, take, type Turn } from "./turn";

const newId = () => `chat-${Array.from(crypto.getRandomValues(new Uint8Array(10)), (b) => (b % 36).toString(36)).join("")}`;

export function ChatScreen() {
  const { namespace, target, conversation } = useSearch({ strict: false }) as { namespace?: string; target?: string; conversation?: string };
  const ns = namespace ?? "default";
  const navigate = useNavigate();
  const targets = useTargets(ns);
  const chosen = target ?? targets.data?.[0];
  const [fresh, setFresh] = useState(newId);
  const id = conversation ?? fresh;
  const go = (to: { target?: string; conversation?: string }) => {
    if (!to.conversation) setFresh(newId());
    void navigate({ to: "/chat", search: { namespace, target: to.target, conversation: to.conversation } } as never);
  };
  return (
    <div className="page full chat-page">
      <header>
        <h1>Chat</h1>
        <label className="row tight target">
          <span className="dim">with</span>
          <select className="select" aria-label="Whom to talk with" value={chosen ?? ""} onChange={(e) => go({ target: e.target.value })}>
            {chosen && !targets.data?.includes(chosen) && <option>{chosen}</option>}
            {(targets.data ?? []).map((t) => (
              <option key={t}>{t}</option>
            ))}
          </select>
        </label>
        <span className="dim small plain">in {ns}</span>
        <span className="right row tight">
          <button type="button" className="button" onClick={() => go({ target: chosen })}>
            New conversation
          </button>
          {chosen && <CommandLine lines={[`kubectl ark chat ${chosen} -n ${ns}${conversation ? ` --conversation=${conversation}` : ""}`, `kubectl ark query ${chosen} -n ${ns} "How are you?" --stream`]} />}
        </span>
      </header>
      <div className="chat-columns">
        <Conversations namespace={ns} current={conversation} open={(c) => go(c)} />
        {chosen ? (
          <Talk key={`${ns}/${chosen}/${id}`} namespace={ns} target={chosen} id={id} known={conversation !== undefined} onFirst={() => void navigate({ to: "/chat", search: { namespace, target: chosen, conversation: id }, replace: true } as never)} />
        ) : targets.isPending ? null : (
          <Empty title={`There is nobody to talk with in ${ns}`}>
            <span>Create an Agent, or choose another namespace.</span>
          </Empty>
        )}
      </div>
    </div>
  );
}

function Talk({ namespace, target, id, known, onFirst }: { namespace: string; target: string; id: string; known: boolean; onFirst: () => void }) {
  const [type, name] = [target.slice(0, target.indexOf("/")), target.slice(target.indexOf("/") + 1)];
  const rights = useRights(namespace);
  const client = useQueryClient();
  // What was said before this page was opened. It is read once: what comes then is here.
  const [askedHere, setAskedHere] = useState(!known);
  const before = useQuery({ queryKey: ["conversation", namespace, id], enabled: !askedHere, queryFn: () => earlier(namespace, id), staleTime: Number.POSITIVE_INFINITY, gcTime: 0, retry: false });
  const memory = useQuery({ queryKey: ["memory", namespace], queryFn: () => ask(arkPath("memories", namespace, "default")).then(() => true, () => false), staleTime: 60_000 });
  const [turns, setTurns] = useState<Turn[]>([]);
  const stop = useRef<AbortController>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const all = useMemo(() => [...(before.data ?? []), ...turns], [before.data, turns]);
  const busy = turns.at(-1)?.state === "asking";

  const change = useCallback((with_: (turn: Turn) => Turn) => setTurns((list) => (list.length ? [...list.slice(0, -1), with_(list.at(-1)!)] : list)), []);
  const put = async (question: string) => {
    const control = new AbortController();
    stop.current = control;
    setAskedHere(true);
    setTurns((list) => [...list, { question, parts: [], state: "asking" }]);
    const said = memory.data ? [] : all.filter((t) => t.state === "done").flatMap((t) => [{ role: "user", content: t.question }, { role: "assistant", content: answerOf(t) }]);
    const chunks = new Gather<Parameters<typeof take>[1]>((batch) => change((turn) => batch.reduce(take, turn)));
    try {
      await askTarget({
        namespace,
        target: { type, name },
        conversation: id,
        messages: [...said, { role: "user", content: question }],
        signal: control.signal,
        onQuery: (query) => change((turn) => ({ ...turn, query })),
        onChunk: (chunk) => chunks.add(chunk),
      });
      chunks.end();
      change((turn) => (turn.state === "asking" ? { ...turn, state: "done" } : turn));
    } catch (error) {
      chunks.end();
      change((turn) => (control.signal.aborted ? { ...turn, state: "stopped" } : { ...turn, state: "failed", error: error instanceof Error ? error.message : String(error) }));
    }
    if (!known) onFirst();
    void client.invalidateQueries({ queryKey: ["conversations", namespace] });
  };
  return (
    <section className="talk" aria-label={`Conversation with ${target}`}>
      <Log turns={all} namespace={namespace} target={target} team={type === "team"} />
      {before.error && <p className="dim small">What was said before cannot be shown: {before.error.message}</p>}
      {rights.known && !rights.may("create", ARK, `${type}s/proxy`, name) ? (
        <p className="notice warn">You may not talk with {target}: that needs the right to create {type}s/proxy.</p>
      ) : (
        <Composer busy={busy} send={(text) => void put(text)} stop={() => stop.current?.abort()} target={target} />
      )}
    </section>
  );
}

function Log({ turns, namespace, target, team }: { turns: Turn[]; namespace: string; target: string; team: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element && atEnd.current) element.scrollTop = element.scrollHeight;
  }, [turns]);
  return (
    <div
      className="log"
      ref={box}
      role="log"
      aria-label="Messages"
      tabIndex={0}
      onScroll={(e) => {
        const el = e.currentTarget;
        atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < 60;
      }}
    >
      {turns.length === 0 && (
        <Empty title={`Say something to ${target}`}>
          <span>Each question is a query; answers come as they are given.</span>
        </Empty>
      )}
      {turns.map((turn, i) => (
        <article key={i} aria-label={`Question ${i + 1}`}>
          <div className="asked">
            <pre className="plain">{turn.question}</pre>
          </div>
          <Reply turn={turn} namespace={namespace} team={team} />
        </article>
      ))}
    </div>
  );
}

function Reply({ turn, namespace, team }: { turn: Turn; namespace: string; team: boolean }) {
  return (
    <div className="reply" aria-busy={turn.state === "asking"}>
      {turn.parts.map((part, i) => {
        if (part.kind === "call") {
          return (
            <p key={i} className="called dim small">
              <Icon name="tool" size={13} />
              <span className="plain">
                {part.speaker ? `${part.speaker} calls ` : ""}
                <code>{callText(part.call)}</code>
              </span>
            </p>
          );
        }
        if (part.kind === "approval") return <Approval key={part.task} namespace={namespace} task={part.task} agent={part.agent} calls={part.calls} />;
        return (
          <div key={i} className={part.answer ? "" : "aside"}>
            {team && part.speaker && <strong className="plain small dim">{part.speaker}</strong>}
            {turn.state === "asking" && i === turn.parts.length - 1 ? <pre className="plain streaming">{part.text}</pre> : <Said text={part.text} />}
          </div>
        );
      })}
      {turn.state === "asking" && turn.parts.length === 0 && (
        <p className="dim row tight">
          <span className="spinner" aria-hidden="true" /> Asking…
        </p>
      )}
      {turn.state === "stopped" && <p className="dim">Stopped: the query is canceled.</p>}
      {turn.state === "failed" && (
        <p className="error plain" role="alert">
          {turn.error}
        </p>
      )}
      {turn.query && (
        <Link className="small" to="/query/$ns/$name" params={{ ns: turn.query.namespace, name: turn.query.name } as never}>
          Steps and versions
        </Link>
      )}
    </div>
  );
}

function Composer({ busy, send, stop, target }: { busy: boolean; send: (text: string) => void; stop: () => void; target: string }) {
  const [text, setText] = useState("");
  const submit = () => {
    if (busy || text.trim() === "") return;
    send(text);
    setText("");
  };
  const onKey = (e: KeyboardEvent) => {
    if (e.key === "Enter" && !e.shiftKey && !e.nativeEvent.isComposing) {
      e.preventDefault();
      submit();
    } else if (e.key === "Escape" && busy) stop();
  };
  return (
    <form
      className="composer"
      onSubmit={(e) => {
        e.preventDefault();
        submit();
      }}
    >
      <textarea className="input" rows={2} aria-label={`Message to ${target}`} placeholder="Enter sends, Shift-Enter begins a line" value={text} onChange={(e) => setText(e.target.value)} onKeyDown={onKey} />
      {busy ? (
        <button type="button" className="button danger" onClick={stop}>
          Stop
        </button>
      ) : (
        <button type="submit" className="button primary" disabled={text.trim() === ""}>
          Send
        </button>
      )}
    </form>
  );
}
