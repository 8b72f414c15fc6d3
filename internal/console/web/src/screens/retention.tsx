import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ask } from "../api/client";
import { RECORDS, records } from "../api/kinds";
import type { List, Obj } from "../api/types";
import { useRights } from "../app/context";
import { failed } from "../app/toast";
import { CommandLine } from "../ui/copy";
import { Fields } from "../ui/fields";
import { Empty, Failure, Loading } from "../ui/states";

interface Rule {
  kinds?: string[];
  namespaces?: string[];
  labels?: Record<string, string>;
  phases?: string[];
  statusOnly?: boolean;
  drop?: boolean;
  versions?: number;
  age?: string;
  ageAfterDeletion?: string;
}

type Policy = Obj<{ exactFor?: string; rules?: Rule[] }>;

const matches = (r: Rule) =>
  [r.kinds?.join(", "), r.namespaces?.length && `in ${r.namespaces.join(", ")}`, r.labels && Object.entries(r.labels).map(([k, v]) => `${k}=${v}`).join(", "), r.phases?.length && `phase ${r.phases.join(", ")}`, r.statusOnly && "status only"].filter(Boolean).join(" · ") || "everything";
const keeps = (r: Rule) => (r.drop ? "none" : [r.versions ? `${r.versions} versions` : "all versions", r.age && `for ${r.age}`, r.ageAfterDeletion && `${r.ageAfterDeletion} after deletion`].filter(Boolean).join(", "));

/** What the history keeps, and what a run would remove now. */
export function Retention() {
  const rights = useRights(undefined);
  const list = useQuery({ queryKey: ["retentionpolicies"], queryFn: () => ask<List<Policy>>(records("retentionpolicies")) });
  const [run, setRun] = useState<Obj>();
  const [busy, setBusy] = useState(false);
  const policies = list.data?.items.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1)) ?? [];
  const dryRun = () => {
    setBusy(true);
    ask<Obj>(records("retentionruns"), { method: "POST", body: { apiVersion: `${RECORDS}/v1alpha1`, kind: "RetentionRun", spec: { dryRun: true } } })
      .then(setRun)
      .catch(failed)
      .finally(() => setBusy(false));
  };
  return (
    <div className="page">
      <header>
        <h1>Retention</h1>
        <div className="row right">
          <CommandLine lines={["kubectl get retentionpolicies", "ark-server retention run --dry-run -o json"]} />
          {rights.may("create", RECORDS, "retentionruns") && (
            <button type="button" className="button" disabled={busy} onClick={dryRun}>
              What would go now?
            </button>
          )}
          {rights.may("create", RECORDS, "retentionpolicies") && (
            <Link className="button primary" to="/new/$resource" params={{ resource: `retentionpolicies.${RECORDS}` }}>
              New
            </Link>
          )}
        </div>
      </header>
      <p className="dim">The rules of all policies are one list, by the policies' names, and the first that matches a version decides. The server's own follow: all versions of the last day, terminal versions of Queries for 30 days, and of everything else 100 versions for a year.</p>
      {run && (
        <section className="card" role="status">
          <h2>A run now, as a dry run</h2>
          <Fields value={run.status} />
        </section>
      )}
      {list.error ? (
        <Failure error={list.error} retry={() => void list.refetch()} />
      ) : list.isPending ? (
        <Loading />
      ) : policies.length === 0 ? (
        <Empty title="There are no policies: the server's own rules decide" />
      ) : (
        policies.map((p) => (
          <section className="card" key={p.metadata.uid}>
            <div className="row">
              <h2>
                <Link to="/object/$resource/$ns/$name" params={{ resource: `retentionpolicies.${RECORDS}`, ns: "-", name: p.metadata.name }} search={{ tab: "yaml" }}>
                  {p.metadata.name}
                </Link>
              </h2>
              {p.spec?.exactFor && <span className="dim small plain">all versions for {p.spec.exactFor}</span>}
            </div>
            <table className="data">
              <thead>
                <tr>
                  <th>Of</th>
                  <th>Keep</th>
                </tr>
              </thead>
              <tbody>
                {(p.spec?.rules ?? []).map((r, i) => (
                  <tr key={i}>
                    <td className="plain">{matches(r)}</td>
                    <td className="plain">{keeps(r)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </section>
        ))
      )}
    </div>
  );
}
