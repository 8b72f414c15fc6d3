import { useEffect, useState } from "react";
import { send } from "../../api/client";
import { Gather } from "../../live/gather";
import { arkPath } from "../../live/object";
import { ended, phaseOf, type Query } from "../../live/query";
import { Said } from "../../live/said";
import { Failure } from "../../ui/states";

/** The answer: as it comes while the query runs, and as it is stored then. */
export function Answer({ q }: { q: Query }) {
  const over = ended(q);
  const phase = phaseOf(q);
  const content = q.status?.response?.content ?? "";
  return (
    <section className="card" aria-label="Answer">
      <h2>{phase === "error" ? "Error" : "Answer"}</h2>
      {!over && <Live q={q} />}
      {phase === "done" && (content ? <Said text={content} /> : <p className="dim">It is empty.</p>)}
      {phase === "error" && <pre className="plain error">{content || q.status?.conditions?.find((c) => c.type === "Completed")?.message || "The query has failed."}</pre>}
      {phase === "canceled" && <p className="dim">The query was canceled.</p>}
    </section>
  );
}

/** What is said while it is said, from queries/log. */
function Live({ q }: { q: Query }) {
  const [text, setText] = useState("");
  const [error, setError] = useState<unknown>();
  const ns = q.metadata.namespace ?? "default";
  const { name, uid } = q.metadata;
  useEffect(() => {
    const stop = new AbortController();
    setText("");
    setError(undefined);
    const parts = new Gather<string>((batch) => setText((before) => before + batch.join("")));
    void (async () => {
      try {
        const response = await send(`${arkPath("queries", ns, name)}/log?follow=true`, { accept: "*/*", signal: stop.signal });
        const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
        for (;;) {
          const next = await reader?.read();
          if (!next || next.done) return;
          parts.add(next.value);
        }
      } catch (e) {
        if (!stop.signal.aborted) setError(e);
      }
    })();
    return () => {
      stop.abort();
      parts.stop();
    };
  }, [ns, name, uid]);
  if (error) return <Failure error={error} what="What is said cannot be followed; the answer is shown when it is there" />;
  return (
    <div aria-live="polite" aria-busy="true">
      {text ? <pre className="plain streaming">{text}</pre> : <p className="dim">{phaseOf(q) === "input-required" ? "It waits for a decision." : "Nothing has been said yet."}</p>}
    </div>
  );
}
