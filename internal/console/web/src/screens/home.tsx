import "../styles/home.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { RECORDS } from "../api/kinds";
import { summary } from "../api/summary";
import { useRights, useSession } from "../app/context";
import { homeRoute } from "../routes";
import { Badge } from "../ui/badge";
import { Bars } from "../ui/bars";
import { CommandLine } from "../ui/copy";
import { Empty, Failure, Loading } from "../ui/states";
import { duration } from "../ui/time";
import { readiness } from "./server";

const ranges = { "1h": { ms: 3_600_000, by: "minute", step: 60_000 }, "24h": { ms: 86_400_000, by: "hour", step: 3_600_000 }, "30d": { ms: 30 * 86_400_000, by: "day", step: 86_400_000 } } as const;
type Range = keyof typeof ranges;

const number = (n: number) => n.toLocaleString(undefined, { maximumFractionDigits: n < 10 ? 2 : 0, notation: n >= 100_000 ? "compact" : "standard" });
const money = (n: number) => n.toLocaleString(undefined, { style: "currency", currency: "USD", maximumFractionDigits: n < 1 ? 4 : 2 });

interface Slot {
  label: string;
  done: number;
  failed: number;
  other: number;
  prompt: number;
  completion: number;
}

/** Puts the rows of a summary into slots of equal length; what has no row is zero. */
function slots(rows: unknown[][], range: Range): Slot[] {
  const { ms, step } = ranges[range];
  const last = Math.floor(Date.now() / step) * step;
  const all: Slot[] = [];
  const at = new Map<number, Slot>();
  for (let t = last - ms + step; t <= last; t += step) {
    const when = new Date(t);
    const slot: Slot = { label: range === "30d" ? when.toLocaleDateString(undefined, { month: "short", day: "numeric", timeZone: "UTC" }) : when.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" }), done: 0, failed: 0, other: 0, prompt: 0, completion: 0 };
    all.push(slot);
    at.set(t, slot);
  }
  for (const [time, phase, count, prompt, completion] of rows) {
    const text = String(time);
    const t = Date.parse(text.length <= 10 ? `${text}T00:00:00Z` : /Z$|[+-]\d\d:\d\d$/.test(text) ? text : `${text.length === 13 ? `${text}:00` : text}Z`.replace(" ", "T"));
    const slot = at.get(Math.floor(t / step) * step);
    if (!slot) continue;
    const n = Number(count);
    if (phase === "done") slot.done += n;
    else if (phase === "error") slot.failed += n;
    else slot.other += n;
    slot.prompt += Number(prompt ?? 0);
    slot.completion += Number(completion ?? 0);
  }
  return all;
}

/** How things are, and how they have been. */
export function Home() {
  const session = useSession();
  const { namespace, range: asked = "24h", input = "2.5", output = "10" } = homeRoute.useSearch();
  const range: Range = asked in ranges ? (asked as Range) : "24h";
  const navigate = useNavigate({ from: "/" });
  const rights = useRights(namespace);
  const maySee = rights.may("create", RECORDS, "summaries");
  const since = () => new Date(Date.now() - ranges[range].ms).toISOString();
  const queries = useQuery({
    queryKey: ["home", namespace ?? "", range],
    enabled: session.features.readModel && maySee,
    refetchInterval: 10_000,
    queryFn: () => summary(namespace, { kind: "Query", groupBy: [ranges[range].by, "phase"], metrics: ["count", "sum(prompt_tokens)", "sum(completion_tokens)"], since: since(), limit: 5000 }),
  });
  const recent = useQuery({
    queryKey: ["home-rate", namespace ?? ""],
    enabled: session.features.readModel && maySee,
    refetchInterval: 5_000,
    queryFn: async () => {
      const from = Date.now() - 60_000;
      const a = await summary(namespace, { kind: "Query", metrics: ["count", "p95(duration_ms)"], since: new Date(from).toISOString() });
      return { perSecond: Number(a.rows[0]?.[0] ?? 0) / 60, p95: a.rows[0]?.[1] as number | null };
    },
  });
  const top = useQuery({
    queryKey: ["home-top", namespace ?? "", range],
    enabled: session.features.readModel && maySee,
    refetchInterval: 30_000,
    queryFn: () => summary(namespace, { kind: "Query", groupBy: ["target_type", "target_name"], metrics: ["count", "sum(total_tokens)", "p95(duration_ms)"], since: since(), orderBy: "-count", limit: 10 }),
  });
  const ready = useQuery({ queryKey: ["readyz"], queryFn: readiness, refetchInterval: 10_000, retry: false });
  const all = queries.data ? slots(queries.data.rows, range) : [];
  const sum = (f: (s: Slot) => number) => all.reduce((a, s) => a + f(s), 0);
  const price = (s: Slot) => (s.prompt * Number(input || 0) + s.completion * Number(output || 0)) / 1e6;
  const total = sum((s) => s.done + s.failed + s.other);
  const bad = sum((s) => s.failed);
  const ok = ready.data?.every((c) => c.ok);
  const set = (change: { range?: string | undefined; input?: string | undefined; output?: string | undefined }) => void navigate({ search: (s) => ({ ...s, ...change }), replace: true });
  return (
    <div className="page">
      <header>
        <h1>Home</h1>
        {ready.data && <Badge text={ok ? "Healthy" : `Not ready: ${ready.data.filter((c) => !c.ok).map((c) => c.name).join(", ")}`} tone={ok ? "good" : "bad"} />}
        <div className="row right">
          <select className="select" aria-label="Time" value={range} onChange={(e) => set({ range: e.target.value === "24h" ? undefined : e.target.value })}>
            <option value="1h">Last hour</option>
            <option value="24h">Last 24 hours</option>
            <option value="30d">Last 30 days</option>
          </select>
          <CommandLine lines={["kubectl ark top", `echo '{"spec":{"kind":"Query","groupBy":["${ranges[range].by}","phase"],"metrics":["count","sum(total_tokens)"]}}' | kubectl create --raw /apis/records.ark.mckinsey.com/v1alpha1/namespaces/${namespace ?? "default"}/summaries -f -`]} />
        </div>
      </header>
      {!session.features.readModel ? (
        <Empty title="There are no numbers without the read model">
          <span>
            The server was started with <code>--read-model=off</code>, or without a place for it.
          </span>
        </Empty>
      ) : rights.known && !maySee ? (
        <Empty title="You may not read the numbers here">
          <span>
            They take the right to create <code>summaries</code> of {RECORDS}. What you may see is in the menu.
          </span>
        </Empty>
      ) : queries.error ? (
        <Failure error={queries.error} retry={() => void queries.refetch()} what="The numbers cannot be read" />
      ) : queries.isPending ? (
        <Loading />
      ) : (
        <>
          <div className="grid tiles">
            <section className="card tile">
              <h2>Queries a second, last minute</h2>
              <span className="number">{number(recent.data?.perSecond ?? 0)}</span>
              <span className="dim small">{recent.data?.p95 ? `95 % within ${duration(Number(recent.data.p95)) === "0s" ? `${Math.round(Number(recent.data.p95))} ms` : duration(Number(recent.data.p95))}` : "none ended"}</span>
            </section>
            <section className="card tile">
              <h2>Queries</h2>
              <span className="number">{number(total)}</span>
              <span className="dim small">
                <Link to="/list/$resource" params={{ resource: "queries" }}>
                  See them
                </Link>
              </span>
            </section>
            <section className="card tile">
              <h2>Errors</h2>
              <span className="number">{number(bad)}</span>
              <span className="dim small">
                {total > 0 ? `${((bad / total) * 100).toFixed(1)} % · ` : ""}
                <Link to="/list/$resource" params={{ resource: "queries" }} search={{ fields: "status.phase=error" }}>
                  See them
                </Link>
              </span>
            </section>
            <section className="card tile">
              <h2>Tokens</h2>
              <span className="number">{number(sum((s) => s.prompt + s.completion))}</span>
              <span className="dim small">
                {number(sum((s) => s.prompt))} in, {number(sum((s) => s.completion))} out
              </span>
            </section>
          </div>
          <div className="wide-grid">
            <section className="card">
              <h2>Queries over time</h2>
              <Bars title="Queries over time" unit={number} bars={all.map((s) => ({ label: s.label, values: [s.done, s.other, s.failed] }))} series={[{ name: "done", color: "var(--accent)" }, { name: "under way or canceled", color: "var(--line-strong)" }, { name: "errors", color: "var(--bad)" }]} />
            </section>
            <section className="card">
              <h2>Tokens over time</h2>
              <Bars title="Tokens over time" unit={number} bars={all.map((s) => ({ label: s.label, values: [s.prompt, s.completion] }))} series={[{ name: "prompts", color: "var(--accent)" }, { name: "answers", color: "var(--good)" }]} />
            </section>
            <section className="card">
              <div className="row">
                <h2>Cost over time</h2>
                <strong>{money(sum(price))}</strong>
                <span className="row tight right small dim">
                  <label>
                    in{" "}
                    <input className="input" style={{ width: 70 }} type="number" min="0" step="any" defaultValue={input} aria-label="Price of a million prompt tokens, in dollars" onChange={(e) => set({ input: e.target.value || "0" })} />
                  </label>
                  <label>
                    out{" "}
                    <input className="input" style={{ width: 70 }} type="number" min="0" step="any" defaultValue={output} aria-label="Price of a million answer tokens, in dollars" onChange={(e) => set({ output: e.target.value || "0" })} />
                  </label>
                </span>
              </div>
              <Bars title="Cost over time" unit={money} bars={all.map((s) => ({ label: s.label, values: [price(s)] }))} series={[{ name: "by the prices of a million tokens", color: "var(--accent)" }]} />
            </section>
            <section className="card scroll-x">
              <h2>Most asked</h2>
              {top.data && top.data.rows.length > 0 ? (
                <table className="data">
                  <thead>
                    <tr>
                      <th>Target</th>
                      <th>Queries</th>
                      <th>Tokens</th>
                      <th>95 % within</th>
                    </tr>
                  </thead>
                  <tbody>
                    {top.data.rows.map((r) => (
                      <tr key={`${r[0]}/${r[1]}`}>
                        <td className="plain">{r[1] ? `${r[0]}/${r[1]}` : "by a selector"}</td>
                        <td>{number(Number(r[2]))}</td>
                        <td>{number(Number(r[3] ?? 0))}</td>
                        <td>{r[4] === null ? "–" : `${number(Number(r[4]))} ms`}</td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              ) : (
                <p className="dim">Nothing was asked.</p>
              )}
            </section>
          </div>
        </>
      )}
    </div>
  );
}
