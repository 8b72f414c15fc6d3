// Search: one box, facets, parts of texts with what was found. All of it is in the address.
import "./search.css";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useSession } from "../../app/context";
import { ask } from "../../api/client";
import { records } from "../../api/kinds";
import { shell, CommandLine } from "../../ui/copy";
import { Badge } from "../../ui/badge";
import { Empty, Failure, Loading } from "../../ui/states";
import { Age } from "../../ui/time";
import { type Snippet, Snippets } from "./snippets";

interface Found {
  object: { apiVersion: string; kind: string; namespace?: string; name: string; uid: string; creationTimestamp?: string; phase?: string };
  score: number;
  snippets?: Snippet[];
}

interface Answer {
  status: { items?: Found[]; total: number; facets?: Record<string, Record<string, number>>; continue?: string; ranked?: string; lagMilliseconds?: number };
}

interface Address {
  namespace?: string;
  q?: string;
  sort?: string;
  page?: string;
}

const size = 20;
const sorts = [
  ["relevance", "Best first"],
  ["-creationTimestamp", "Newest first"],
  ["creationTimestamp", "Oldest first"],
] as const;

/** A page by its number: the pages before it lead there, and are kept. */
async function find({ namespace, q, sort }: Address, token: string | undefined, signal: AbortSignal): Promise<Answer["status"]> {
  const answer = await ask<Answer>(records("searches", namespace ?? "default"), {
    method: "POST",
    signal,
    body: { spec: { query: q, allNamespaces: namespace ? undefined : true, limit: size, sort: sort === "relevance" ? undefined : sort, continue: token } },
  });
  return answer.status;
}

export function SearchScreen() {
  const address = useSearch({ strict: false }) as Address;
  const { namespace, q = "", sort = "relevance" } = address;
  const session = useSession();
  const navigate = useNavigate();
  const tokens = (address.page ?? "").split("~").filter(Boolean);
  const go = (change: Partial<Address>, replace = false) => void navigate({ to: "/search", search: { namespace, q: q || undefined, sort: sort === "relevance" ? undefined : sort, ...change }, replace } as never);
  const found = useQuery({
    queryKey: ["search", namespace ?? "", q, sort, tokens.at(-1) ?? ""],
    enabled: q.trim() !== "" && session.features.readModel,
    queryFn: ({ signal }) => find({ namespace, q, sort }, tokens.at(-1), signal),
    placeholderData: keepPreviousData,
  });
  return (
    <div className="page search-page">
      <header>
        <h1>Search</h1>
        <span className="dim small plain">{namespace ? `in ${namespace}` : "in all namespaces"}</span>
        <span className="right">{q && <CommandLine lines={[`kubectl ark search ${shell(q)} ${namespace ? `-n ${namespace}` : "-A"}`]} />}</span>
      </header>
      <Box q={q} search={(next) => go({ q: next || undefined })} />
      {!session.features.readModel ? (
        <Empty title="Search needs the read model">
          <span>Start the server with --read-model=on.</span>
        </Empty>
      ) : q.trim() === "" ? (
        <Help />
      ) : found.error ? (
        <Failure error={found.error} what="It cannot be searched for" retry={() => void found.refetch()} />
      ) : !found.data ? (
        <Loading what="Searching" />
      ) : (
        <div className="search-columns">
          <Facets facets={found.data.facets ?? {}} q={q} change={(next) => go({ q: next || undefined })} />
          <section aria-label="Results" aria-busy={found.isFetching}>
            <div className="row">
              <p className="grow" role="status">
                {found.data.total === 0 ? "Nothing found" : `${found.data.total.toLocaleString()} found`}
                {found.data.ranked === "recent" && <span className="dim"> · the newest 1000 are put in order</span>}
              </p>
              <label className="row tight">
                <span className="visually-hidden">Order</span>
                <select className="select" value={sort} onChange={(e) => go({ sort: e.target.value === "relevance" ? undefined : e.target.value })}>
                  {sorts.map(([id, label]) => (
                    <option key={id} value={id}>
                      {label}
                    </option>
                  ))}
                </select>
              </label>
            </div>
            <ol className="results">
              {(found.data.items ?? []).map((item) => (
                <Result key={item.object.uid} item={item} deleted={/\bdeleted:true\b/.test(q)} />
              ))}
            </ol>
            {(tokens.length > 0 || found.data.continue) && (
              <nav className="row" aria-label="Pages">
                <button type="button" className="button" disabled={tokens.length === 0} onClick={() => go({ page: tokens.slice(0, -1).join("~") || undefined })}>
                  Previous
                </button>
                <span className="dim">Page {tokens.length + 1}</span>
                <button type="button" className="button" disabled={!found.data.continue} onClick={() => go({ page: [...tokens, found.data.continue].join("~") })}>
                  Next
                </button>
              </nav>
            )}
          </section>
        </div>
      )}
    </div>
  );
}

function Box({ q, search }: { q: string; search: (q: string) => void }) {
  const [text, setText] = useState(q);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(q), [q]);
  useEffect(() => {
    if (!q) input.current?.focus();
  }, [q]);
  return (
    <form
      role="search"
      className="row"
      onSubmit={(e) => {
        e.preventDefault();
        search(text.trim());
      }}
    >
      <input ref={input} data-search type="search" className="input grow" aria-label="Search" placeholder='Words, "a phrase", kind:Query phase:error agent:guide after:2026-01-31' value={text} onChange={(e) => setText(e.target.value)} />
      <button type="submit" className="button primary">
        Search
      </button>
    </form>
  );
}

function Result({ item, deleted }: { item: Found; deleted: boolean }) {
  const { object: o } = item;
  const resource = `${o.kind.toLowerCase().replace(/y$/, "ie")}s`;
  const to = o.kind === "Query" && !deleted ? { to: "/query/$ns/$name", params: { ns: o.namespace, name: o.name } } : { to: "/object/$resource/$ns/$name", params: { resource, ns: o.namespace ?? "-", name: o.name } };
  return (
    <li className="card">
      <div className="row">
        <span className="badge">{o.kind}</span>
        <Link className="plain grow ellipsis" {...(to as object as { to: "/" })}>
          {o.name}
        </Link>
        {o.phase && <Badge text={o.phase} />}
        <span className="dim small plain">{o.namespace}</span>
        <span className="dim small">
          <Age time={o.creationTimestamp} />
        </span>
      </div>
      <Snippets snippets={(item.snippets ?? []).filter((s) => s.field !== "name")} />
    </li>
  );
}

const fields: Record<string, string> = { kind: "kind", namespace: "ns", phase: "phase" };
const titles: Record<string, string> = { kind: "Kind", namespace: "Namespace", phase: "Phase" };

/** Words of the query that narrow a facet down. */
const term = (facet: string, value: string) => `${fields[facet]}:${/^[\w.-]+$/.test(value) ? value : JSON.stringify(value)}`;

function Facets({ facets, q, change }: { facets: Record<string, Record<string, number>>; q: string; change: (q: string) => void }) {
  return (
    <aside className="facets" aria-label="Narrow down">
      {Object.entries(titles).map(([facet, title]) => {
        const values = Object.entries(facets[facet] ?? {}).toSorted((a, b) => b[1] - a[1]);
        const has = values.filter(([v]) => ` ${q} `.includes(` ${term(facet, v)} `));
        if (values.length === 0 || (values.length === 1 && has.length === 0)) return null;
        return (
          <section key={facet}>
            <h2>{title}</h2>
            <ul>
              {values.slice(0, 12).map(([value, count]) => {
                const on = has.some(([v]) => v === value);
                return (
                  <li key={value}>
                    <button type="button" aria-pressed={on} onClick={() => change(on ? ` ${q} `.replace(` ${term(facet, value)} `, " ").trim() : `${q} ${term(facet, value)}`)}>
                      <span className="plain ellipsis grow">{value}</span>
                      <span className="dim">{count.toLocaleString()}</span>
                    </button>
                  </li>
                );
              })}
            </ul>
          </section>
        );
      })}
    </aside>
  );
}

function Help() {
  const rows = [
    ["rate limit", "objects with both words"],
    ['"rate limit"', "the phrase"],
    ["rate OR limit", "one of them"],
    ["-draft", "without the word"],
    ["tok*", "words that begin so"],
    ["kind:Query phase:error agent:guide", "by fields: kind, ns, name, phase, agent, after, before, user, deleted"],
  ];
  return (
    <section className="card" aria-label="What to type">
      <h2>What to type</h2>
      <dl className="facts">
        {rows.map(([what, means]) => (
          <div key={what} className="visual-row">
            <dt>
              <code>{what}</code>
            </dt>
            <dd>{means}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
