import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { blame, type Revision, rollback, version, versions } from "../api/history";
import type { Kind } from "../api/kinds";
import type { Obj } from "../api/types";
import { useRights } from "../app/context";
import { failed, toast } from "../app/toast";
import { Badge } from "../ui/badge";
import { Dialog } from "../ui/dialog";
import { Diff } from "../ui/editor";
import { Text } from "../ui/fields";
import { Empty, Failure, Loading } from "../ui/states";
import { Age } from "../ui/time";
import { toYaml } from "../ui/yaml";

interface Props {
  kind: Kind;
  namespace: string | undefined;
  name: string;
  from: string | undefined;
  to: string | undefined;
  current: Obj | undefined;
}

/** All versions of an object, any two of them side by side, and the way back. */
export function HistoryTab({ kind, namespace, name, from, to, current }: Props) {
  const navigate = useNavigate();
  const list = useInfiniteQuery({
    queryKey: ["history", kind.id, namespace, name],
    queryFn: ({ pageParam }) => versions(kind, namespace, name, pageParam),
    initialPageParam: "",
    getNextPageParam: (last) => last.metadata.continue || undefined,
    refetchInterval: 10_000,
  });
  const [mode, setMode] = useState<"diff" | "blame">("diff");
  const all = list.data?.pages.flatMap((p) => p.items) ?? [];
  if (list.isPending) return <Loading />;
  if (list.error && all.length === 0) return <Failure error={list.error} retry={() => void list.refetch()} what="The history cannot be read" />;
  if (all.length === 0) return <Empty title="There are no versions" />;
  const right = all.find((r) => String(r.revision) === to) ?? all.find((r) => r.changedPaths?.some((p) => !p.startsWith("status"))) ?? all[0]!;
  const left = all.find((r) => String(r.revision) === from) ?? all[all.indexOf(right) + 1] ?? right;
  const choose = (next: { from?: number; to?: number }) =>
    void navigate({ to: ".", search: (s: Record<string, unknown>) => ({ ...s, from: String(next.from ?? left.revision), to: String(next.to ?? right.revision) }) as never, replace: true });
  return (
    <div className="stack">
      <section className="card" style={{ padding: 0 }}>
        <div className="versions scroll-x">
          <table className="data">
            <thead>
              <tr>
                <th>From</th>
                <th>To</th>
                <th>Version</th>
                <th>What</th>
                <th>Who</th>
                <th>When</th>
                <th>Changed</th>
              </tr>
            </thead>
            <tbody>
              {all.map((r) => (
                <tr key={r.revision} aria-selected={r === left || r === right}>
                  <td>
                    <input type="radio" name="from" aria-label={`Compare from ${r.revision}`} checked={r === left} onChange={() => choose({ from: r.revision })} />
                  </td>
                  <td>
                    <input type="radio" name="to" aria-label={`Compare to ${r.revision}`} checked={r === right} onChange={() => choose({ to: r.revision })} />
                  </td>
                  <td className="mono">{r.revision}</td>
                  <td>
                    <Badge text={r.verb} tone={r.verb === "delete" ? "bad" : r.verb === "create" ? "good" : ""} />
                  </td>
                  <td className="plain">
                    {r.user}
                    {r.impersonator && <span className="dim"> by {r.impersonator}</span>}
                    {r.cause && <div className="dim small plain">{r.cause}</div>}
                  </td>
                  <td>
                    <Age time={r.time} />
                  </td>
                  <td className="mono small plain">{paths(r)}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {list.hasNextPage && (
            <button type="button" className="button quiet" disabled={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
              Older versions
            </button>
          )}
        </div>
      </section>
      <div className="row">
        <button type="button" className="button" aria-pressed={mode === "diff"} onClick={() => setMode("diff")}>
          Side by side
        </button>
        <button type="button" className="button" aria-pressed={mode === "blame"} onClick={() => setMode("blame")}>
          Who set what
        </button>
        {mode === "diff" && current && <Rollback kind={kind} namespace={namespace} name={name} to={left} current={current} />}
      </div>
      {mode === "diff" ? <Versions kind={kind} namespace={namespace} name={name} left={left} right={right} /> : <BlameTable kind={kind} namespace={namespace} name={name} />}
    </div>
  );
}

function paths(r: Revision): string {
  const changed = (r.changedPaths ?? []).filter((p) => !p.includes("last-applied-configuration"));
  return changed.slice(0, 4).join(", ") + (changed.length > 4 ? ` and ${changed.length - 4} more` : "");
}

function useSnapshot(kind: Kind, namespace: string | undefined, name: string, r: Revision) {
  return useQuery({ queryKey: ["version", kind.id, namespace, name, r.revision], queryFn: () => version(kind, namespace, name, r.revision), staleTime: Number.POSITIVE_INFINITY });
}

function Versions({ kind, namespace, name, left, right }: { kind: Kind; namespace: string | undefined; name: string; left: Revision; right: Revision }) {
  const a = useSnapshot(kind, namespace, name, left);
  const b = useSnapshot(kind, namespace, name, right);
  if (a.error || b.error) return <Failure error={a.error ?? b.error} what="A version cannot be read" />;
  if (!a.data || !b.data) return <Loading />;
  const before = a.data.snapshot ? toYaml(a.data.snapshot) : "";
  const after = b.data.snapshot ? toYaml(b.data.snapshot) : "";
  return (
    <>
      <p className="dim small">
        {left.revision} on the left, {right.revision} on the right{before === after ? ": both are the same." : "."}
      </p>
      <Diff before={before} after={after} label="Versions" />
    </>
  );
}

function Rollback({ kind, namespace, name, to, current }: { kind: Kind; namespace: string | undefined; name: string; to: Revision; current: Obj }) {
  const rights = useRights(namespace);
  const queries = useQueryClient();
  const [preview, setPreview] = useState<Obj>();
  const [busy, setBusy] = useState(false);
  if (!rights.may("create", kind.group, `${kind.resource}/rollback`, name) || !rights.may("update", kind.group, kind.resource, name)) return null;
  const run = (dryRun: boolean) => {
    if (busy) return; // a button that is disabled loses the focus
    setBusy(true);
    rollback(kind, namespace, name, to.revision, dryRun)
      .then((result) => {
        if (dryRun) setPreview(result);
        else {
          setPreview(undefined);
          toast(`Rolled back to ${to.revision}`, "good");
          void queries.invalidateQueries({ queryKey: ["history", kind.id, namespace, name] });
        }
      })
      .catch(failed)
      .finally(() => setBusy(false));
  };
  return (
    <>
      <button type="button" className="button right" disabled={to.verb === "delete"} onClick={() => run(true)}>
        Roll back to {to.revision}…
      </button>
      {preview && (
        <Dialog title={`Roll back to ${to.revision}?`} className="wide" onClose={() => setPreview(undefined)}>
          <p className="dim">Spec, labels and annotations of that version become a new version. This is what the server would store, beside what is there.</p>
          <Diff before={toYaml(current)} after={toYaml(preview)} label="Rollback" />
          <footer>
            <button type="button" className="button" onClick={() => setPreview(undefined)}>
              Cancel
            </button>
            <button type="button" className="button primary" disabled={busy} onClick={() => run(false)} data-first>
              Roll back
            </button>
          </footer>
        </Dialog>
      )}
    </>
  );
}

function BlameTable({ kind, namespace, name }: { kind: Kind; namespace: string | undefined; name: string }) {
  const { data, error } = useQuery({ queryKey: ["blame", kind.id, namespace, name], queryFn: () => blame(kind, namespace, name) });
  if (error) return <Failure error={error} />;
  if (!data) return <Loading />;
  return (
    <div className="card scroll-x" style={{ padding: 0 }}>
      <table className="data">
        <thead>
          <tr>
            <th>Field</th>
            <th>Value</th>
            <th>Who</th>
            <th>Version</th>
            <th>When</th>
          </tr>
        </thead>
        <tbody>
          {data.items.slice(0, 400).map((i) => (
            <tr key={i.path}>
              <td className="mono plain">{i.path}</td>
              <td>
                <Text value={typeof i.value === "string" ? i.value : JSON.stringify(i.value)} />
              </td>
              <td className="plain">{i.user}</td>
              <td className="mono">{i.revision}</td>
              <td>
                <Age time={i.time} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
