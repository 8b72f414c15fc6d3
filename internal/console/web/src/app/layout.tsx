import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { signOut } from "../api/session";
import { Icon, type IconName, Logo } from "../ui/icons";
import { Loading } from "../ui/states";
import { arkKinds, useKinds, useNamespaces, useRights, useSession } from "./context";
import { type Entry, entries } from "./nav";
import { Palette } from "./palette";
import { Boundary } from "./root";
import { toggleTheme, useTheme } from "./theme";
import { failed } from "./toast";

export const kindIcon = (resource: string): IconName =>
  ({ agents: "agent", models: "model", queries: "query", teams: "team", tools: "tool", memories: "database", mcpservers: "server", a2aservers: "server" } as Record<string, IconName>)[resource] ?? "list";

function NamespacePicker() {
  const names = useNamespaces();
  const { namespace } = useSearch({ strict: false }) as { namespace?: string };
  const navigate = useNavigate();
  const go = (next: string) => void navigate({ to: ".", search: (s: Record<string, unknown>) => ({ ...s, namespace: next || undefined }) as never });
  if (!names) {
    return <input key={namespace} className="input" style={{ width: 130 }} aria-label="Namespace" placeholder="Namespace" defaultValue={namespace ?? ""} onKeyDown={(e) => e.key === "Enter" && go(e.currentTarget.value.trim())} onBlur={(e) => e.currentTarget.value.trim() !== (namespace ?? "") && go(e.currentTarget.value.trim())} />;
  }
  return (
    <select className="select" aria-label="Namespace" value={namespace ?? ""} onChange={(e) => go(e.target.value)}>
      <option value="">All namespaces</option>
      {namespace && !names.includes(namespace) && <option>{namespace}</option>}
      {names.map((n) => (
        <option key={n}>{n}</option>
      ))}
    </select>
  );
}

function NavLink({ entry }: { entry: Entry }) {
  return (
    <li>
      <Link to={entry.to as "/"} params={(entry.params ?? {}) as never} activeOptions={{ exact: entry.to === "/", includeSearch: false }}>
        <Icon name={entry.icon} />
        {entry.label}
      </Link>
    </li>
  );
}

const first = ["queries", "agents", "teams", "tools", "models", "mcpservers", "memories"];
const order = (resource: string) => (first.includes(resource) ? first.indexOf(resource) : first.length);

/** The entries that the user can use: of Ark's kinds, those that may be listed. */
export function useEntries(): Entry[] {
  const session = useSession();
  const kinds = useKinds();
  const { namespace } = useSearch({ strict: false }) as { namespace?: string };
  const rights = useRights(namespace);
  const resources: Entry[] = arkKinds(kinds)
    .toSorted((a, b) => order(a.resource) - order(b.resource))
    .filter((k) => rights.may("list", k.group, k.resource))
    .map((k) => ({ group: "Resources", label: plural(k.kind), icon: kindIcon(k.resource), to: "/list/$resource", params: { resource: k.id }, keywords: [k.resource, ...k.shortNames].join(" ") }));
  return [...entries.filter((e) => (e.when?.(session) ?? true) && (e.allowed?.(rights) ?? true)), ...resources];
}

/** A kind's name for many, in words: AgentTool becomes Agent tools. */
export function plural(kind: string): string {
  const words = kind.replaceAll(/^(A2A|MCP|SQL)(?=[A-Z])/g, "$1 ").replaceAll(/([a-z])([A-Z])/g, "$1 $2");
  const many = words.endsWith("y") ? `${words.slice(0, -1)}ies` : `${words}s`;
  return many.replaceAll(/(?<= )[A-Z](?=[a-z])/g, (c) => c.toLowerCase());
}

/** One whose rights are in some namespaces starts in one of them: that of a service account, or "default". */
function useNamespaceOfRights() {
  const session = useSession();
  const kinds = useKinds();
  const navigate = useNavigate();
  const { namespace } = useSearch({ strict: false }) as { namespace?: string };
  const rights = useRights(undefined);
  const nothing = rights.known && arkKinds(kinds).every((k) => !rights.may("list", k.group, k.resource));
  useEffect(() => {
    if (namespace || !nothing) return;
    const own = /^system:serviceaccount:([^:]+):/.exec(session.user)?.[1] ?? "default";
    void navigate({ to: ".", search: (s: Record<string, unknown>) => ({ ...s, namespace: own }) as never, replace: true });
  }, [namespace, nothing, navigate, session.user]);
}

export function Layout({ children }: { children: ReactNode }) {
  const session = useSession();
  const queries = useQueryClient();
  const current = useTheme();
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);
  const path = useRouterState({ select: (s) => s.location.pathname });
  const main = useRef<HTMLElement>(null);
  const all = useEntries();
  useNamespaceOfRights();

  useEffect(() => {
    setMenu(false);
    main.current?.focus({ preventScroll: true });
  }, [path]);
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      const typing = e.target instanceof HTMLElement && (e.target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(e.target.tagName) || e.composedPath().some((n) => n instanceof HTMLElement && n.isContentEditable));
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
        e.preventDefault();
        setPalette(true);
      } else if (e.key === "/" && !typing && !e.ctrlKey && !e.metaKey && !e.altKey) {
        e.preventDefault();
        const box = document.querySelector<HTMLElement>("[data-search]");
        if (box) box.focus();
        else setPalette(true);
      } else if (e.key === "Escape") setMenu(false);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);

  const leave = () => signOut().then(() => location.assign("/console"), failed);
  return (
    <div className="shell">
      <a className="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        Skip to content
      </a>
      <header className="top">
        <button type="button" className="button icon quiet menu-button" aria-label="Menu" aria-expanded={menu} onClick={() => setMenu(!menu)}>
          <Icon name="menu" />
        </button>
        <Link to="/" className="brand" aria-label="Ark, home">
          <Logo />
          <span>Ark</span>
        </Link>
        <NamespacePicker />
        <button type="button" className="search-box" onClick={() => setPalette(true)} aria-label="Go to, search and commands">
          <Icon name="search" />
          <span>Go to…</span>
          <kbd>Ctrl K</kbd>
        </button>
        <div className="row tight right">
          <span className="dim small wide-only ellipsis plain" style={{ maxWidth: 220 }} title={(session.groups ?? []).join(", ")}>
            {session.user}
          </span>
          <button type="button" className="button icon quiet" aria-label={current === "dark" ? "Light colours" : "Dark colours"} title={current === "dark" ? "Light colours" : "Dark colours"} onClick={toggleTheme}>
            <Icon name={current === "dark" ? "sun" : "moon"} />
          </button>
          <button
            type="button"
            className="button icon quiet"
            aria-label="Sign out"
            title="Sign out"
            onClick={() => {
              queries.cancelQueries();
              void leave();
            }}
          >
            <Icon name="out" />
          </button>
        </div>
      </header>
      <nav className={`side ${menu ? "open" : ""}`} aria-label="Screens">
        {(["Look", "Resources", "Records", "Server"] as const).map((group) => {
          const inGroup = all.filter((e) => e.group === group);
          if (inGroup.length === 0) return null;
          return (
            <section key={group} aria-label={group}>
              {group !== "Look" && <h2>{group}</h2>}
              <ul>
                {inGroup.map((e) => (
                  <NavLink key={e.label} entry={e} />
                ))}
              </ul>
            </section>
          );
        })}
      </nav>
      <main className="main" id="main" tabIndex={-1} ref={main}>
        <Boundary resetKey={path}>
          <Suspense fallback={<Loading />}>{children}</Suspense>
        </Boundary>
      </main>
      {palette && <Palette onClose={() => setPalette(false)} entries={all} />}
    </div>
  );
}
