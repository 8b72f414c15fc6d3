import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ask, url } from "../api/client";
import type { RevisionList } from "../api/history";
import { RECORDS, records } from "../api/kinds";
import type { Obj } from "../api/types";
import { useKinds, useRights } from "../app/context";
import { failed, toast } from "../app/toast";
import { trashRoute } from "../routes";
import { Badge } from "../ui/badge";
import { CommandLine, shell } from "../ui/copy";
import { Empty, Failure, Loading } from "../ui/states";
import { Age } from "../ui/time";

/** What was deleted and can come back. */
export function Trash() {
  const { namespace, q = "" } = trashRoute.useSearch();
  const navigate = useNavigate({ from: trashRoute.fullPath });
  const kinds = useKinds();
  const queries = useQueryClient();
  const key = ["trash", namespace ?? ""];
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => ask<RevisionList>(url(records("deletedobjects", namespace), { limit: 200, continue: pageParam })),
    initialPageParam: "",
    getNextPageParam: (last) => last.metadata.continue || undefined,
    // There is no watch of what is gone. Older pages are read again only when they are asked for.
    refetchInterval: (query) => ((query.state.data?.pages.length ?? 1) > 1 ? false : 5_000),
  });
  const [busy, setBusy] = useState("");
  const all = list.data?.pages.flatMap((p) => p.items) ?? [];
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = all.filter((d) => words.every((w) => `${d.object.kind} ${d.object.name} ${d.object.namespace ?? ""} ${d.user ?? ""}`.toLowerCase().includes(w)));
  const undelete = (d: RevisionList["items"][number]) => {
    setBusy(d.metadata.name);
    ask<Obj>(`${records("deletedobjects", d.metadata.namespace)}/${encodeURIComponent(d.metadata.name)}/undelete`, { method: "POST", body: {} })
      .then(() => {
        toast(`${d.object.kind} ${d.object.name} is back`, "good");
        const kind = kinds.find((k) => k.group === "ark.mckinsey.com" && k.kind === d.object.kind);
        if (kind) void navigate({ to: "/object/$resource/$ns/$name", params: { resource: kind.id, ns: kind.namespaced ? (d.object.namespace ?? "default") : "-", name: d.object.name } });
        return queries.invalidateQueries({ queryKey: key });
      })
      .catch(failed)
      .finally(() => setBusy(""));
  };
  const where = namespace ? ` -n ${shell(namespace)}` : " -A";
  return (
    <div className="page">
      <header>
        <h1>Trash</h1>
        <div className="row right">
          <input className="input" type="search" data-search aria-label="Filter" placeholder="Filter  /" defaultValue={q} onChange={(e) => void navigate({ search: (s) => ({ ...s, q: e.target.value || undefined }), replace: true })} />
          <button type="button" className="button" disabled={list.isFetching} onClick={() => void list.refetch()}>
            Refresh
          </button>
          <CommandLine lines={[`kubectl get deletedobjects${where}`, `kubectl ark trash${where}`, "kubectl ark undelete KIND/NAME"]} />
        </div>
      </header>
      {list.error && <Failure error={list.error} retry={() => void list.refetch()} what="The trash cannot be read" />}
      {list.isPending ? (
        <Loading />
      ) : shown.length === 0 && !list.error ? (
        <Empty title={q ? "Nothing matches the filter" : "The trash is empty"} />
      ) : (
        <section className="card scroll-x" style={{ padding: 0 }}>
          <table className="data">
            <thead>
              <tr>
                <th>Kind</th>
                {!namespace && <th>Namespace</th>}
                <th>Name</th>
                <th>Deleted by</th>
                <th>When</th>
                <th>
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.slice(0, 400).map((d) => (
                <TrashRow key={d.metadata.uid} d={d} namespaces={!namespace} busy={busy === d.metadata.name} onUndelete={() => undelete(d)} resource={kinds.find((k) => k.group === "ark.mckinsey.com" && k.kind === d.object.kind)?.id} />
              ))}
            </tbody>
          </table>
          {(list.hasNextPage || shown.length > 400) && (
            <button type="button" className="button quiet" disabled={!list.hasNextPage} onClick={() => void list.fetchNextPage()}>
              {list.hasNextPage ? "Older" : `${shown.length - 400} more: filter to see them`}
            </button>
          )}
        </section>
      )}
    </div>
  );
}

/** A token that was revoked does not come back: nobody has kept it. */
const comesBack = (d: RevisionList["items"][number]) => d.object.kind !== "Token";

function TrashRow({ d, namespaces, busy, onUndelete, resource }: { d: RevisionList["items"][number]; namespaces: boolean; busy: boolean; onUndelete: () => void; resource: string | undefined }) {
  const rights = useRights(d.metadata.namespace);
  return (
    <tr>
      <td>
        <Badge text={d.object.kind} tone="" />
      </td>
      {namespaces && <td className="plain">{d.object.namespace}</td>}
      <td className="plain">
        {resource ? (
          <Link to="/object/$resource/$ns/$name" params={{ resource, ns: d.object.namespace || "-", name: d.object.name }} search={{ tab: "history" }}>
            {d.object.name}
          </Link>
        ) : (
          d.object.name
        )}
      </td>
      <td className="plain">{d.user}</td>
      <td>
        <Age time={d.time} />
      </td>
      <td>
        {comesBack(d) && rights.may("create", RECORDS, "deletedobjects/undelete") && (
          <button type="button" className="button" disabled={busy} onClick={onUndelete}>
            Undelete<span className="visually-hidden"> {d.object.name}</span>
          </button>
        )}
      </td>
    </tr>
  );
}
