// A query's page: how it was answered, and with what.
import "../../live/live.css";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useRights } from "../../app/context";
import { failed, toast } from "../../app/toast";
import { ask } from "../../api/client";
import { ARK } from "../../api/kinds";
import type { Obj } from "../../api/types";
import { Approval, callsOf } from "../../live/approval";
import { arkPath, eventsOf, patch, useObject } from "../../live/object";
import { again, ended, inputOf, phaseOf, type Query, targetOf, taskOf, versionsOf } from "../../live/query";
import { Badge } from "../../ui/badge";
import { CommandLine, Copy } from "../../ui/copy";
import { Failure, Loading } from "../../ui/states";
import { Age } from "../../ui/time";
import { Answer } from "./answer";
import { Messages } from "./messages";
import { Timeline } from "./timeline";
import { Versions } from "./versions";

const tabs = [
  ["timeline", "Timeline"],
  ["messages", "Messages"],
  ["versions", "Ran with"],
  ["raw", "Raw"],
] as const;

export function QueryScreen() {
  const { ns, name } = useParams({ strict: false }) as { ns: string; name: string };
  const { tab = "timeline" } = useSearch({ strict: false }) as { tab?: string };
  const { object: q, error, pending, gone, refetch } = useObject<Query>("queries", ns, name);
  if (pending) return <Loading what="Reading the query" />;
  if (!q) {
    return (
      <div className="page">
        <Failure error={error} what={`The query ${name} cannot be shown`} retry={refetch} />
      </div>
    );
  }
  return (
    <div className="page query-page">
      <Head q={q} gone={gone} />
      <Facts q={q} />
      <Waiting q={q} />
      <section className="card" aria-label="Question">
        <h2>Question</h2>
        <pre className="plain question">{inputOf(q)}</pre>
      </section>
      <Answer q={q} />
      <nav className="tabs" aria-label="Parts">
        {tabs.map(([id, label]) => (
          <Link key={id} to="." search={((s: Record<string, unknown>) => ({ ...s, tab: id === "timeline" ? undefined : id })) as never} activeOptions={{ exact: true, includeSearch: true, explicitUndefined: true }} aria-current={tab === id ? "page" : undefined} className={tab === id ? "here" : ""} replace>
            {label}
            {id === "versions" && versionsOf(q).length > 0 ? ` (${versionsOf(q).length})` : ""}
          </Link>
        ))}
      </nav>
      {tab === "timeline" && <Steps q={q} />}
      {tab === "messages" && <Messages q={q} />}
      {tab === "versions" && <Versions q={q} />}
      {tab === "raw" && <Raw q={q} />}
    </div>
  );
}

function Head({ q, gone }: { q: Query; gone: boolean }) {
  const ns = q.metadata.namespace ?? "default";
  const name = q.metadata.name;
  const rights = useRights(ns);
  const navigate = useNavigate();
  const retry = useMutation({
    mutationFn: () => ask<Obj>(arkPath("queries", ns), { method: "POST", body: again(q) }),
    onSuccess: (made) => {
      toast(`Asked again as ${made.metadata.name}`, "good");
      void navigate({ to: "/query/$ns/$name", params: { ns, name: made.metadata.name } } as never);
    },
    onError: failed,
  });
  const cancel = useMutation({ mutationFn: () => patch("queries", ns, name, { spec: { cancel: true } }), onSuccess: () => toast("Canceled", "good"), onError: failed });
  const over = ended(q);
  return (
    <header>
      <div className="grow">
        <div className="crumbs">
          <Link to="/list/$resource" params={{ resource: "queries" } as never}>
            Queries
          </Link>
          <span>/</span>
          <span className="plain">{ns}</span>
        </div>
        <h1 className="plain">{name}</h1>
      </div>
      <Badge text={gone ? "deleted" : phaseOf(q)} tone={gone ? "warn" : undefined} />
      {!over && !gone && rights.may("patch", ARK, "queries", name) && (
        <button type="button" className="button danger" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
          Cancel query
        </button>
      )}
      {rights.may("create", ARK, "queries") && (
        <button type="button" className="button" disabled={retry.isPending} onClick={() => retry.mutate()}>
          Run again
        </button>
      )}
      <Link className="button quiet" to="/object/$resource/$ns/$name" params={{ resource: "queries", ns, name } as never}>
        Object
      </Link>
      <CommandLine lines={[`kubectl ark trace ${name} -n ${ns}`, `kubectl get query ${name} -n ${ns} -o yaml`, `kubectl get --raw '${arkPath("queries", ns, name)}/log?follow=true'`, `kubectl ark retry ${name} -n ${ns}`]} />
    </header>
  );
}

function Facts({ q }: { q: Query }) {
  const target = targetOf(q);
  const ns = q.metadata.namespace ?? "default";
  const tokens = q.status?.tokenUsage;
  const conversation = q.spec?.conversationId ?? q.status?.conversationId;
  return (
    <dl className="facts-row">
      {target && (
        <div>
          <dt>Target</dt>
          <dd>
            <Link className="plain" to="/object/$resource/$ns/$name" params={{ resource: `${target.type}s`, ns, name: target.name } as never}>
              {target.type}/{target.name}
            </Link>
          </dd>
        </div>
      )}
      <div>
        <dt>Asked</dt>
        <dd>
          <Age time={q.metadata.creationTimestamp} /> ago
        </dd>
      </div>
      {q.status?.duration && (
        <div>
          <dt>Took</dt>
          <dd className="plain">{q.status.duration}</dd>
        </div>
      )}
      {tokens?.totalTokens !== undefined && (
        <div>
          <dt>Tokens</dt>
          <dd>
            {tokens.totalTokens} <span className="dim small">({tokens.promptTokens ?? 0} in, {tokens.completionTokens ?? 0} out{tokens.cachedTokens ? `, ${tokens.cachedTokens} cached` : ""})</span>
          </dd>
        </div>
      )}
      {conversation && target && (
        <div>
          <dt>Conversation</dt>
          <dd>
            <Link className="plain" to="/chat" search={{ namespace: ns, target: `${target.type}/${target.name}`, conversation } as never}>
              {conversation}
            </Link>
          </dd>
        </div>
      )}
    </dl>
  );
}

/** What the query waits for. */
function Waiting({ q }: { q: Query }) {
  const id = taskOf(q);
  const ns = q.metadata.namespace ?? "default";
  const task = useQuery({
    queryKey: ["task", ns, id],
    enabled: id !== undefined,
    queryFn: () => ask<Obj<Record<string, unknown>, { protocolMetadata?: Record<string, string> }>>(arkPath("a2atasks", ns, `a2a-task-${id}`)),
  });
  if (!id) return null;
  if (task.error) return <Failure error={task.error} what="The query waits for a decision, and its task cannot be read" />;
  if (!task.data) return null;
  const agent = (task.data.spec?.["agentRef"] as { name?: string } | undefined)?.name;
  return <Approval key={id} namespace={ns} task={id} agent={agent} calls={callsOf(task.data.status?.protocolMetadata?.["toolCalls"])} />;
}

function Steps({ q }: { q: Query }) {
  const ns = q.metadata.namespace ?? "default";
  const running = !ended(q);
  const events = useQuery({
    queryKey: ["events", q.metadata.uid, q.metadata.resourceVersion],
    queryFn: () => eventsOf(ns, q.metadata.uid),
    placeholderData: (before) => before,
    refetchInterval: running ? 2000 : false,
  });
  if (events.error) return <Failure error={events.error} what="The steps cannot be read" />;
  if (!events.data) return <Loading what="Reading the steps" />;
  return <Timeline events={events.data} running={running} />;
}

function Raw({ q }: { q: Query }) {
  const text = JSON.stringify(q, (key, value: unknown) => (key === "managedFields" ? undefined : value), 2);
  return (
    <section className="card raw" aria-label="The object as JSON">
      <Copy text={text} label="Copy the object" />
      <pre className="plain" tabIndex={0}>
        {text}
      </pre>
    </section>
  );
}
