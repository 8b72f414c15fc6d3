// Statements over the objects that the user may list: editor, table, chart, CSV, saved reports.
import "./sql.css";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { arkKinds, useKinds, useRights, useSession } from "../../app/context";
import { failed, toast } from "../../app/toast";
import { RECORDS } from "../../api/kinds";
import { CommandLine, shell } from "../../ui/copy";
import { Dialog } from "../../ui/dialog";
import { Empty, Failure, Loading } from "../../ui/states";
import { csv, numeric, run, saveReport, schema, useReports } from "./data";
import { Grid } from "./grid";

const Editor = lazy(() => import("./editor"));
const Chart = lazy(() => import("./chart"));

const first = "SELECT target_name AS agent, count(*) AS queries, sum(total_tokens) AS tokens\nFROM queries\nGROUP BY 1\nORDER BY 2 DESC\nLIMIT 100";

export function SqlScreen() {
  const { namespace, q, view } = useSearch({ strict: false }) as { namespace?: string; q?: string; view?: string };
  const session = useSession();
  const navigate = useNavigate();
  const client = useQueryClient();
  const rights = useRights(namespace);
  const [text, setText] = useState(q ?? first);
  const [saving, setSaving] = useState(false);
  useEffect(() => setText(q ?? first), [q]);
  const resources = arkKinds(useKinds()).map((k) => k.resource);
  const columns = useQuery({ queryKey: ["schema", namespace ?? ""], queryFn: () => schema(namespace, resources), enabled: session.features.readModel, staleTime: Number.POSITIVE_INFINITY });
  const answer = useQuery({ queryKey: ["sql", namespace ?? "", q], enabled: !!q && session.features.readModel, queryFn: ({ signal }) => run(namespace, { query: q }, signal), retry: false, staleTime: Number.POSITIVE_INFINITY });
  const go = (change: { q?: string; view?: string }) => void navigate({ to: "/sql", search: { namespace, q, view, ...change } } as never);
  const submit = (statement: string) => {
    if (statement.trim() === "") return;
    if (statement === q) void client.invalidateQueries({ queryKey: ["sql", namespace ?? "", q] });
    else go({ q: statement });
  };
  const download = useMutation({
    mutationFn: () => csv(namespace, { query: q }),
    onSuccess: (content) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([content], { type: "text/csv" }));
      link.download = "answer.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    },
    onError: failed,
  });
  if (!session.features.readModel) {
    return (
      <div className="page">
        <Empty title="SQL needs the read model">
          <span>Start the server with --read-model=on.</span>
        </Empty>
      </div>
    );
  }
  const drawable = answer.data && numeric(answer.data).length > 0 && answer.data.rows.length > 0;
  const chart = view === "chart" && drawable;
  return (
    <div className="page sql-page">
      <header>
        <h1>SQL</h1>
        <span className="dim small plain">{namespace ? `in ${namespace}` : "in all namespaces"}</span>
        <span className="right row tight">
          <Link className="button quiet" to={"/reports" as "/"}>
            Reports
          </Link>
          <CommandLine lines={[`kubectl ark sql ${shell(text)} ${namespace ? `-n ${namespace}` : "-A"}`]} />
        </span>
      </header>
      <Suspense fallback={<Loading what="Loading the editor" />}>
        <Editor value={text} onChange={setText} onRun={submit} schema={columns.data} />
      </Suspense>
      <div className="row">
        <button type="button" className="button primary" disabled={answer.isFetching || text.trim() === ""} onClick={() => submit(text)}>
          Run
        </button>
        <kbd>Ctrl Enter</kbd>
        <span className="grow" role="status">
          {answer.isFetching ? "Running…" : answer.data ? `${answer.data.rows.length.toLocaleString()} ${answer.data.rows.length === 1 ? "row" : "rows"}${answer.data.truncated ? ", and there are more" : ""}, ${answer.data.elapsedMilliseconds ?? 0} ms` : ""}
        </span>
        {answer.data && (
          <>
            {drawable && (
              <span className="row tight" role="group" aria-label="How to show it">
                <button type="button" className="button" aria-pressed={!chart} onClick={() => go({ view: undefined })}>
                  Table
                </button>
                <button type="button" className="button" aria-pressed={!!chart} onClick={() => go({ view: "chart" })}>
                  Chart
                </button>
              </span>
            )}
            <button type="button" className="button" disabled={download.isPending} onClick={() => download.mutate()}>
              CSV
            </button>
            {rights.may("create", RECORDS, "reports") && (
              <button type="button" className="button" onClick={() => setSaving(true)}>
                Save as report
              </button>
            )}
          </>
        )}
      </div>
      {answer.error && <Failure error={answer.error} what="The statement was refused" />}
      {answer.data && !answer.error && (
        <>
          {chart && (
            <Suspense fallback={<Loading what="Loading the chart" />}>
              <section className="card">
                <Chart rows={answer.data} height={320} />
              </section>
            </Suspense>
          )}
          {answer.data.rows.length === 0 ? <Empty title="No rows" /> : <Grid rows={answer.data} height={chart ? 260 : 520} />}
        </>
      )}
      {saving && q && <Save namespace={namespace} query={q} onClose={() => setSaving(false)} />}
    </div>
  );
}

function Save({ namespace, query, onClose }: { namespace?: string; query: string; onClose: () => void }) {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const client = useQueryClient();
  const reports = useReports(namespace);
  const save = useMutation({
    mutationFn: () => saveReport(namespace, name.trim(), description.trim(), query),
    onSuccess: () => {
      toast(`Saved as report ${name.trim()}`, "good");
      void client.invalidateQueries({ queryKey: ["reports"] });
      onClose();
    },
  });
  const taken = reports.data?.some((r) => r.metadata.name === name.trim());
  return (
    <Dialog title="Save as report" onClose={onClose}>
      <form
        className="stack"
        onSubmit={(e) => {
          e.preventDefault();
          save.mutate();
        }}
      >
        <label className="field">
          <span>Name</span>
          <input className="input" required pattern="[a-z0-9]([-a-z0-9.]*[a-z0-9])?" title="small letters, digits, dots and hyphens" value={name} onChange={(e) => setName(e.target.value)} />
        </label>
        <label className="field">
          <span>What it says</span>
          <input className="input" value={description} onChange={(e) => setDescription(e.target.value)} />
        </label>
        {taken && <p className="error">There is a report with this name.</p>}
        {save.error && <Failure error={save.error} />}
        <footer>
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={save.isPending || taken}>
            Save
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
