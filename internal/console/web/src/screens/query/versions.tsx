// What a query ran with: the exact versions, how they differ from today's, and the same question to either.
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { useRights } from "../../app/context";
import { failed, toast } from "../../app/toast";
import { ARK } from "../../api/kinds";
import { ended, type Query, type Version, versionsOf } from "../../live/query";
import { CommandLine } from "../../ui/copy";
import { Dialog } from "../../ui/dialog";
import { Empty, Failure, Loading } from "../../ui/states";
import { compareAll, diffOf, runAsItWas, type Used } from "./past";

const Yaml = lazy(() => import("./yaml"));

const words: Record<Used["state"], string> = { same: "as it is today", changed: "changed since", gone: "deleted since", unknown: "its history is not there" };
const tones: Record<Used["state"], string> = { same: "good", changed: "warn", gone: "bad", unknown: "" };

export function Versions({ q }: { q: Query }) {
  const versions = versionsOf(q);
  const ns = q.metadata.namespace ?? "default";
  const rights = useRights(ns);
  const navigate = useNavigate();
  const [open, setOpen] = useState<{ used: Used; what: "then" | "diff" }>();
  const used = useQuery({ queryKey: ["used", q.metadata.uid, JSON.stringify(versions)], enabled: versions.length > 0, queryFn: () => compareAll(versions) });
  const rerun = useMutation({
    mutationFn: (all: Used[]) => runAsItWas(q, all),
    onSuccess: (made) => {
      toast(`Asked again, with the versions of then, as ${made.metadata.name}`, "good");
      void navigate({ to: "/query/$ns/$name", params: { ns, name: made.metadata.name }, search: { tab: "versions" } } as never);
    },
    onError: failed,
  });
  if (versions.length === 0) {
    return <Empty title={ended(q) ? "Its engine has not written down what it ran with" : "It is not known yet what it runs with"} />;
  }
  if (used.error) return <Failure error={used.error} what="The versions cannot be compared" retry={() => void used.refetch()} />;
  if (!used.data) return <Loading what="Comparing versions" />;
  const changed = used.data.filter((u) => u.state === "changed" || u.state === "gone");
  const lost = used.data.filter((u) => u.state === "unknown" || (u.state === "gone" && !u.then));
  const may = rights.may("create", ARK, "queries") && [...new Set(changed.map((u) => u.version.resource))].every((r) => rights.may("create", ARK, r));
  return (
    <section className="card stack" aria-label="What it ran with">
      <div className="row">
        <p className="grow">
          {changed.length === 0 && lost.length === 0
            ? "Everything that it ran with is today as it was then."
            : `${changed.length} of ${used.data.length} ${changed.length === 1 ? "is" : "are"} no longer as it was then.`}
        </p>
        {changed.length > 0 && may && (
          <button
            type="button"
            className="button"
            disabled={rerun.isPending || lost.length > 0}
            title={lost.length > 0 ? "Not all versions of then are kept" : "Asks copies of what it ran with; they go with the new query"}
            onClick={() => rerun.mutate(used.data)}
          >
            Run again as it was
          </button>
        )}
        <CommandLine lines={changed.filter((u) => u.state === "changed").map((u) => `kubectl ark diff ${u.version.resource.slice(0, -1)}/${u.version.name} -n ${u.version.namespace} --from=${u.version.version}`).concat(`kubectl ark trace ${q.metadata.name} -n ${ns}`)} />
      </div>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Versions">
        <table className="data versions">
          <thead>
            <tr>
              <th scope="col">Object</th>
              <th scope="col">Version</th>
              <th scope="col">Today</th>
              <th scope="col">
                <span className="visually-hidden">Look at it</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {used.data.map((u) => (
              <Row key={keyOf(u.version)} used={u} open={(what) => setOpen({ used: u, what })} />
            ))}
          </tbody>
        </table>
      </div>
      {open && <Look used={open.used} what={open.what} onClose={() => setOpen(undefined)} />}
    </section>
  );
}

const keyOf = (v: Version) => `${v.resource}/${v.namespace}/${v.name}`;

function Row({ used: u, open }: { used: Used; open: (what: "then" | "diff") => void }) {
  const name = `${u.version.resource.slice(0, -1)}/${u.version.name}`;
  return (
    <tr>
      <th scope="row">
        {u.state === "gone" ? (
          <span className="plain">{name}</span>
        ) : (
          <Link className="plain" to="/object/$resource/$ns/$name" params={{ resource: u.version.resource, ns: u.version.namespace, name: u.version.name } as never}>
            {name}
          </Link>
        )}
      </th>
      <td className="mono">{u.version.version}</td>
      <td>
        <span className={`badge ${tones[u.state]}`}>{words[u.state]}</span>
      </td>
      <td>
        <span className="row tight">
          {u.then && (
            <button type="button" className="button" aria-label={`${name} as it was`} onClick={() => open("then")}>
              As it was
            </button>
          )}
          {u.state === "changed" && (
            <button type="button" className="button" aria-label={`What changed in ${name}`} onClick={() => open("diff")}>
              Diff to today
            </button>
          )}
        </span>
      </td>
    </tr>
  );
}

function Look({ used: u, what, onClose }: { used: Used; what: "then" | "diff"; onClose: () => void }) {
  const name = `${u.version.resource.slice(0, -1)}/${u.version.name}`;
  const diff = useQuery({ queryKey: ["diff-today", keyOf(u.version), u.version.version, u.today], enabled: what === "diff", queryFn: () => diffOf(u.version) });
  return (
    <Dialog className="wide" title={what === "diff" ? `${name}: then and today` : `${name} as it was, version ${u.version.version}`} onClose={onClose}>
      {what === "then" && u.then && (
        <Suspense fallback={<Loading />}>
          <Yaml value={{ ...u.then, metadata: { ...u.then.metadata, managedFields: undefined } }} />
        </Suspense>
      )}
      {diff.error && <Failure error={diff.error} />}
      {what === "diff" && !diff.error && (diff.data === undefined ? <Loading /> : <Unified text={diff.data} />)}
      <footer>
        <button type="button" className="button" onClick={onClose}>
          Close
        </button>
      </footer>
    </Dialog>
  );
}

/** A diff line by line. */
function Unified({ text }: { text: string }) {
  return (
    <pre className="plain unified" tabIndex={0}>
      {text.split("\n").map((line, i) => (
        <span key={i} className={line.startsWith("@@") || line.startsWith("---") || line.startsWith("+++") ? "at" : line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : undefined}>
          {line}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}
