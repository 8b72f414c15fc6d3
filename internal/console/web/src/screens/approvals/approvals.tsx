// What waits for a person's decision, live.
import "../../live/live.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useSearch } from "@tanstack/react-router";
import { useEffect } from "react";
import { ask, url } from "../../api/client";
import { ARK } from "../../api/kinds";
import type { List, Obj } from "../../api/types";
import { watch } from "../../api/watch";
import { Approval, callsOf } from "../../live/approval";
import { CommandLine } from "../../ui/copy";
import { Empty, Failure, Loading } from "../../ui/states";
import { Age } from "../../ui/time";

type Task = Obj<{ taskId?: string; input?: string; agentRef?: { name?: string }; queryRef?: { name?: string; namespace?: string } }, { phase?: string; startTime?: string; protocolMetadata?: Record<string, string> }>;

/** Tasks of the engine's own, which a person decides: those of A2A servers have no calls of tools. */
const waits = (t: Task) => t.status?.phase === "input-required" && !t.spec?.input && !!t.status.protocolMetadata?.["toolCalls"];

export function ApprovalsScreen() {
  const { namespace } = useSearch({ strict: false }) as { namespace?: string };
  const client = useQueryClient();
  const path = namespace ? `/apis/${ARK}/v1alpha1/namespaces/${encodeURIComponent(namespace)}/a2atasks` : `/apis/${ARK}/v1alpha1/a2atasks`;
  const key = ["approvals", namespace ?? ""];
  const tasks = useQuery({ queryKey: key, queryFn: () => ask<List<Task>>(url(path, { limit: 500 })), staleTime: Number.POSITIVE_INFINITY, gcTime: 0 });
  const from = tasks.data?.metadata.resourceVersion;
  useEffect(() => {
    if (!from) return;
    return watch<Task>({
      path,
      from,
      versionOf: (t) => t.metadata.resourceVersion,
      onEvents: (events) =>
        client.setQueryData<List<Task>>(key, (list) => {
          const items = new Map((list?.items ?? []).map((t) => [t.metadata.uid, t]));
          for (const e of events) {
            if (e.type === "DELETED") items.delete(e.object.metadata.uid);
            else items.set(e.object.metadata.uid, e.object);
          }
          return { metadata: list?.metadata ?? { resourceVersion: from }, items: [...items.values()] };
        }),
      onExpired: () => void client.invalidateQueries({ queryKey: key }),
    });
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [from, path]);
  const waiting = (tasks.data?.items ?? []).filter(waits).toSorted((a, b) => (a.metadata.creationTimestamp ?? "").localeCompare(b.metadata.creationTimestamp ?? ""));
  return (
    <div className="page">
      <header>
        <h1>Approvals</h1>
        <span className="dim small plain">{namespace ? `in ${namespace}` : "in all namespaces"}</span>
        <span className="right">
          <CommandLine lines={[`kubectl get a2atasks ${namespace ? `-n ${namespace}` : "-A"}`, "kubectl ark approve QUERY", "kubectl ark reject QUERY"]} />
        </span>
      </header>
      {tasks.error ? (
        <Failure error={tasks.error} retry={() => void tasks.refetch()} />
      ) : !tasks.data ? (
        <Loading />
      ) : waiting.length === 0 ? (
        <Empty title="Nothing waits for a decision">
          <span>Tools with approval: {"{required: true}"} are called only once a person has approved the call.</span>
        </Empty>
      ) : (
        <ul className="stack" aria-label="What waits">
          {waiting.map((t) => {
            const query = t.spec?.queryRef;
            const ns = t.metadata.namespace ?? "default";
            return (
              <li key={t.metadata.uid} className="stack waiting">
                <p className="small">
                  {query?.name && (
                    <Link className="plain" to="/query/$ns/$name" params={{ ns: query.namespace ?? ns, name: query.name } as never}>
                      {query.name}
                    </Link>
                  )}{" "}
                  in <span className="plain">{ns}</span>, for <Age time={t.metadata.creationTimestamp} />
                </p>
                <Approval namespace={ns} task={t.spec?.taskId ?? t.metadata.name.replace(/^a2a-task-/, "")} agent={t.spec?.agentRef?.name} calls={callsOf(t.status?.protocolMetadata?.["toolCalls"])} />
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}
