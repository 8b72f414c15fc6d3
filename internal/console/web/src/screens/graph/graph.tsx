// Who uses what: a drawing whose parts are links, and the same as a list.
import "./graph.css";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { CommandLine } from "../../ui/copy";
import { Empty, Failure, Loading } from "../../ui/states";
import { around, box, layout, type Node, read } from "./model";

const plural = (kind: string) => `${kind}s`;
const names: Record<string, string> = { team: "Teams", agent: "Agents", model: "Models", tool: "Tools", mcpserver: "MCP servers" };

export function GraphScreen() {
  const { namespace, focus, as } = useSearch({ strict: false }) as { namespace?: string; focus?: string; as?: string };
  const ns = namespace ?? "default";
  const navigate = useNavigate();
  const graph = useQuery({ queryKey: ["graph", ns], queryFn: () => read(ns), refetchInterval: 30_000 });
  const nodes = useMemo(() => graph.data && (focus ? around(graph.data.nodes, focus) : graph.data.nodes), [graph.data, focus]);
  const go = (change: { focus?: string; as?: string }) => void navigate({ to: "/graph", search: { namespace, focus, as, ...change } } as never);
  return (
    <div className="page">
      <header>
        <h1>Graph</h1>
        <span className="dim small plain">in {ns}</span>
        {focus && (
          <button type="button" className="button" onClick={() => go({ focus: undefined })}>
            Show all
          </button>
        )}
        <span className="right row tight">
          <span className="row tight" role="group" aria-label="How to show it">
            <button type="button" className="button" aria-pressed={as !== "list"} onClick={() => go({ as: undefined })}>
              Drawing
            </button>
            <button type="button" className="button" aria-pressed={as === "list"} onClick={() => go({ as: "list" })}>
              List
            </button>
          </span>
          <CommandLine lines={[`kubectl ark tree ${focus ?? "team/NAME"} -n ${ns}`, `kubectl ark tree ${focus ?? "model/default"} -n ${ns} --used-by`]} />
        </span>
      </header>
      {graph.error ? (
        <Failure error={graph.error} retry={() => void graph.refetch()} />
      ) : !nodes || !graph.data ? (
        <Loading />
      ) : nodes.size === 0 ? (
        <Empty title={`There are no agents, teams, tools and models in ${ns}`} />
      ) : (
        <>
          {graph.data.incomplete.length > 0 && <p className="notice warn">Not all is shown: you may not list all {graph.data.incomplete.join(", ")}, or there are more than 500.</p>}
          {as === "list" ? <AsList nodes={nodes} ns={ns} /> : <Drawing nodes={nodes} ns={ns} focus={focus} choose={(id) => go({ focus: id })} />}
        </>
      )}
    </div>
  );
}

const cut = (text: string) => (text.length > 24 ? `${text.slice(0, 23)}…` : text);
const say = (n: Node) => `${n.kind} ${n.name}${n.missing ? ", missing" : n.ready === false ? ", not ready" : ""}; uses ${n.uses.length}, used by ${n.usedBy.length}`;

function Drawing({ nodes, ns, focus, choose }: { nodes: Map<string, Node>; ns: string; focus?: string; choose: (id: string) => void }) {
  const { placed, width, height } = useMemo(() => layout(nodes), [nodes]);
  return (
    <section className="card drawing" aria-label="Graph">
      <p className="dim small">Choose one to see what it uses and what uses it.</p>
      <div className="scroll-x" tabIndex={0} role="region" aria-label="Drawing">
        <svg style={{ width: width + 4, minWidth: Math.min(width + 4, 640) }} viewBox={`-2 -2 ${width + 4} ${height + 4}`} role="group" aria-label={`${nodes.size} objects`}>
          <g aria-hidden="true">
            {[...placed.values()].flatMap(({ node, x, y }) =>
              node.uses.map((used) => {
                const to = placed.get(used);
                if (!to) return null;
                const back = to.x <= x;
                const [x1, y1, x2, y2] = [back ? x : x + box.width, y + box.height / 2, back ? to.x + (to.x === x ? 0 : box.width) : to.x, to.y + box.height / 2];
                const bend = back ? -50 : 50;
                return <path key={`${node.id}>${used}`} className={`edge ${focus === node.id || focus === used ? "near" : ""}`} d={`M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - (to.x === x ? -bend : bend)} ${y2} ${x2} ${y2}`} />;
              }),
            )}
          </g>
          {[...placed.values()].map(({ node, x, y }) => (
            <a
              key={node.id}
              href={`/console/graph?namespace=${encodeURIComponent(ns)}&focus=${encodeURIComponent(node.id)}`}
              className={`node ${node.kind} ${node.missing ? "missing" : ""} ${node.ready === false ? "failing" : ""} ${focus === node.id ? "chosen" : ""}`}
              aria-label={say(node)}
              aria-current={focus === node.id ? "true" : undefined}
              onClick={(e) => {
                if (e.metaKey || e.ctrlKey) return;
                e.preventDefault();
                choose(node.id);
              }}
            >
              <rect x={x} y={y} width={box.width} height={box.height} rx={6} />
              <text x={x + 10} y={y + 14} className="kind">
                {node.kind}
              </text>
              <text x={x + 10} y={y + 27}>
                {cut(node.name)}
                {node.missing ? " (missing)" : ""}
              </text>
            </a>
          ))}
        </svg>
      </div>
      {focus && nodes.has(focus) && !nodes.get(focus)!.missing && (
        <p>
          <Link to="/object/$resource/$ns/$name" params={{ resource: plural(nodes.get(focus)!.kind), ns, name: nodes.get(focus)!.name } as never}>
            Open <span className="plain">{focus}</span>
          </Link>
        </p>
      )}
    </section>
  );
}

function AsList({ nodes, ns }: { nodes: Map<string, Node>; ns: string }) {
  const one = (id: string) => {
    const n = nodes.get(id);
    return n && !n.missing ? (
      <Link key={id} className="plain" to="/object/$resource/$ns/$name" params={{ resource: plural(n.kind), ns, name: n.name } as never}>
        {id}
      </Link>
    ) : (
      <span key={id} className="plain">
        {id} (missing)
      </span>
    );
  };
  return Object.keys(names).map((kind) => {
    const list = [...nodes.values()].filter((n) => n.kind === kind).toSorted((a, b) => a.name.localeCompare(b.name));
    if (list.length === 0) return null;
    return (
      <section key={kind} className="card scroll-x" aria-label={names[kind]} tabIndex={0}>
        <h2>{names[kind]}</h2>
        <table className="data">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Uses</th>
              <th scope="col">Used by</th>
            </tr>
          </thead>
          <tbody>
            {list.map((n) => (
              <tr key={n.id}>
                <th scope="row">{one(n.id)}</th>
                <td>
                  <span className="row">{n.uses.map(one)}</span>
                </td>
                <td>
                  <span className="row">{n.usedBy.map(one)}</span>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    );
  });
}
