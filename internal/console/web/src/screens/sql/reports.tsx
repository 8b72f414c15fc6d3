// Reports as a dashboard. Which ones, and with which parameters, is in the address.
import "./sql.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { useSession } from "../../app/context";
import { CommandLine, shell } from "../../ui/copy";
import { Empty, Failure, Loading } from "../../ui/states";
import { numeric, type Report, run, useReports } from "./data";
import { Grid } from "./grid";

const Chart = lazy(() => import("./chart"));
const usual = ["queries-by-phase", "tokens-by-day", "tokens-by-agent", "duration-by-agent", "errors-by-agent", "slowest-queries"];

export function ReportsScreen() {
  const { namespace, show, with: given = "" } = useSearch({ strict: false }) as { namespace?: string; show?: string; with?: string };
  const session = useSession();
  const navigate = useNavigate();
  const reports = useReports(namespace);
  const [choosing, setChoosing] = useState(false);
  const all = reports.data ?? [];
  const own = all.filter((r) => !r.metadata.labels?.["records.ark.mckinsey.com/ready"]).map((r) => r.metadata.name);
  const chosen = show === undefined ? [...own, ...usual] : show.split(",").filter(Boolean);
  const toggle = (name: string) => {
    const next = chosen.includes(name) ? chosen.filter((n) => n !== name) : [...chosen, name];
    void navigate({ to: "/reports", search: { namespace, show: next.join(",") || ",", with: given || undefined }, replace: true } as never);
  };
  const values = new URLSearchParams(given);
  const set = (report: string, chosen: Record<string, string>) => {
    const next = new URLSearchParams(given);
    for (const [name, value] of Object.entries(chosen)) next.set(`${report}.${name}`, value);
    for (const [name, value] of Object.entries(usualOf(all.find((r) => r.metadata.name === report)))) if (next.get(`${report}.${name}`) === value) next.delete(`${report}.${name}`);
    void navigate({ to: "/reports", search: { namespace, show, with: next.toString() || undefined } } as never);
  };
  const lineOf = (name: string) => {
    const of = Object.entries(givenFor(all.find((r) => r.metadata.name === name), values)).map(([p, value]) => ` --param=${shell(`${p}=${String(value)}`)}`);
    return `kubectl ark report ${shell(name)}${of.join("")} ${namespace ? `-n ${shell(namespace)}` : "-A"}`;
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
          <CommandLine lines={[`kubectl get reports${namespace ? ` -n ${namespace}` : ""}`, ...chosen.slice(0, 8).map(lineOf)]} />
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
              return report && <Tile key={name} namespace={namespace} report={report} values={values} onValues={(chosen) => set(name, chosen)} />;
            })}
          </div>
        </>
      )}
    </div>
  );
}

/** The values of a report's parameters that count where none are given, as texts. */
const usualOf = (report: Report | undefined): Record<string, string> =>
  Object.fromEntries(Object.entries(report?.spec?.parameters ?? {}).map(([name, value]) => [name, value === null ? "" : String(value)]));

/** The values of a report's parameters in the address, in the types of their defaults. */
function givenFor(report: Report | undefined, values: URLSearchParams): Record<string, unknown> {
  const given: Record<string, unknown> = {};
  for (const [name, usual] of Object.entries(report?.spec?.parameters ?? {})) {
    const text = values.get(`${report?.metadata.name}.${name}`);
    if (text === null) continue;
    const number = text.trim() !== "" && Number.isFinite(Number(text));
    if (typeof usual === "boolean") given[name] = text === "true";
    else if (usual === null) given[name] = text === "" ? null : number ? Number(text) : text;
    else given[name] = typeof usual === "number" && number ? Number(text) : text;
  }
  return given;
}

/** One report. It is run when it comes near the screen. */
function Tile({ namespace, report, values, onValues }: { namespace?: string; report: Report; values: URLSearchParams; onValues: (values: Record<string, string>) => void }) {
  const box = useRef<HTMLElement>(null);
  const [near, setNear] = useState(false);
  const name = report.metadata.name;
  const given = givenFor(report, values);
  useEffect(() => {
    const seen = new IntersectionObserver((entries) => entries.some((e) => e.isIntersecting) && setNear(true), { rootMargin: "200px" });
    if (box.current) seen.observe(box.current);
    return () => seen.disconnect();
  }, []);
  const answer = useQuery({ queryKey: ["report", namespace ?? "", name, given], enabled: near, queryFn: ({ signal }) => run(namespace, { report: name, parameters: given, limit: 200 }, signal), staleTime: 30_000, retry: false });
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
      <Parameters key={JSON.stringify(given)} report={report} values={values} onValues={onValues} />
      {answer.error ? (
        <Failure error={answer.error} />
      ) : !near ? (
        <p className="dim">It runs when you scroll to it.</p>
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

/** The parameters of a report as a form. What is entered is in the address. */
function Parameters({ report, values, onValues }: { report: Report; values: URLSearchParams; onValues: (values: Record<string, string>) => void }) {
  const usual = usualOf(report);
  if (Object.keys(usual).length === 0) return null;
  return (
    <form
      className="row parameters"
      aria-label={`Parameters of ${report.metadata.name}`}
      onSubmit={(e) => {
        e.preventDefault();
        const data = new FormData(e.currentTarget);
        onValues(Object.fromEntries(Object.keys(usual).map((name) => [name, String(data.get(name) ?? "")])));
      }}
    >
      {Object.entries(usual).map(([name, value]) => {
        const now = values.get(`${report.metadata.name}.${name}`) ?? value;
        return (
          <label className="field" key={name}>
            <span className="plain">{name}</span>
            {typeof report.spec?.parameters?.[name] === "boolean" ? (
              <select className="select" name={name} defaultValue={now}>
                <option>true</option>
                <option>false</option>
              </select>
            ) : (
              <input className="input" name={name} defaultValue={now} inputMode={typeof report.spec?.parameters?.[name] === "number" ? "decimal" : undefined} />
            )}
          </label>
        );
      })}
      <button type="submit" className="button">
        Run<span className="visually-hidden"> {report.metadata.name}</span>
      </button>
    </form>
  );
}
