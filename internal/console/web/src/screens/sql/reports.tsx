// Reports as a dashboard. Which ones, and with which parameters, is in the address.
import "./sql.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useSession } from "../../app/context";
import { CommandLine } from "../../ui/copy";
import { Empty, Failure, Loading } from "../../ui/states";
import { numeric, type Report, run, useReports } from "./data";
import { Grid } from "./grid";

const Chart = lazy(() => import("./chart"));
const usual = ["queries-by-phase", "tokens-by-day", "tokens-by-agent", "duration-by-agent", "errors-by-agent", "slowest-queries"];

export function ReportsScreen() {
  const { namespace, show } = useSearch({ strict: false }) as { namespace?: string; show?: string };
  const session = useSession();
  const navigate = useNavigate();
  const reports = useReports(namespace);
  const [choosing, setChoosing] = useState(false);
  const all = reports.data ?? [];
  const own = all.filter((r) => !r.metadata.labels?.["records.ark.mckinsey.com/ready"]).map((r) => r.metadata.name);
  const chosen = show === undefined ? [...own, ...usual] : show.split(",").filter(Boolean);
  const toggle = (name: string) => {
    const next = chosen.includes(name) ? chosen.filter((n) => n !== name) : [...chosen, name];
    void navigate({ to: "/reports", search: { namespace, show: next.join(",") || "," }, replace: true } as never);
  };
  return (
    <div className="page">
      <header>
        <h1>Reports</h1>
        <span className="dim small plain">{namespace ? `in ${namespace}` : "in all namespaces"}</span>
        <span className="right row tight">
          <button type="button" className="button" aria-expanded={choosing} onClick={() => setChoosing(!choosing)}>
            Choose
          </button>
          <Link className="button quiet" to={"/sql" as "/"}>
            SQL
          </Link>
          <CommandLine lines={[`kubectl get reports${namespace ? ` -n ${namespace}` : ""}`, ...chosen.slice(0, 8).map((n) => `kubectl ark report ${n} ${namespace ? `-n ${namespace}` : "-A"}`)]} />
        </span>
      </header>
      {!session.features.readModel ? (
        <Empty title="Reports need the read model" />
      ) : reports.error ? (
        <Failure error={reports.error} retry={() => void reports.refetch()} />
      ) : !reports.data ? (
        <Loading />
      ) : (
        <>
          {choosing && (
            <fieldset className="card choose">
              <legend>Reports on this page</legend>
              {all.map((r) => (
                <label key={r.metadata.name} title={r.spec?.description}>
                  <input type="checkbox" checked={chosen.includes(r.metadata.name)} onChange={() => toggle(r.metadata.name)} /> <span className="plain">{r.metadata.name}</span>
                </label>
              ))}
            </fieldset>
          )}
          <div className="dashboard">
            {chosen.map((name) => {
              const report = all.find((r) => r.metadata.name === name);
              return report && <Tile key={name} namespace={namespace} report={report} />;
            })}
          </div>
        </>
      )}
    </div>
  );
}

/** One report. It is run when it comes near the screen. */
function Tile({ namespace, report }: { namespace?: string; report: Report }) {
  const box = useRef<HTMLElement>(null);
  const [near, setNear] = useState(false);
  const name = report.metadata.name;
  useEffect(() => {
    const seen = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && setNear(true), { rootMargin: "200px" });
    if (box.current) seen.observe(box.current);
    return () => seen.disconnect();
  }, []);
  const answer = useQuery({ queryKey: ["report", namespace ?? "", name], enabled: near, queryFn: ({ signal }) => run(namespace, { report: name, limit: 200 }, signal), staleTime: 30_000, retry: false });
  const drawable = answer.data && answer.data.rows.length > 1 && numeric(answer.data).length > 0 && !/slowest|newest/.test(name);
  return (
    <section className="card tile" ref={box} aria-label={name}>
      <div className="row">
        <h2 className="grow plain">{name}</h2>
        <Link className="small" to={"/sql" as "/"} search={{ namespace, q: report.spec?.query } as never}>
          SQL
        </Link>
      </div>
      <p className="dim small plain">{report.spec?.description}</p>
      {answer.error ? (
        <Failure error={answer.error} />
      ) : !answer.data ? (
        <Loading />
      ) : answer.data.rows.length === 0 ? (
        <p className="dim">No rows.</p>
      ) : (
        <>
          {drawable && (
            <Suspense fallback={<Loading />}>
              <Chart rows={answer.data} height={180} />
            </Suspense>
          )}
          <Grid rows={answer.data} height={drawable ? 150 : 300} />
        </>
      )}
    </section>
  );
}
