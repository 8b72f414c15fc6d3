// The addresses of the screens about queries, chats, search, SQL, the graph and approvals.
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import type { rootRoute } from "../routes";

const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : undefined);
const texts =
  <const Names extends readonly string[]>(...names: Names) =>
  (s: Record<string, unknown>): { [Name in Names[number]]?: string } =>
    Object.fromEntries(names.map((n) => [n, text(s[n])])) as { [Name in Names[number]]?: string };

export function liveRoutes(root: typeof rootRoute) {
  const getParentRoute = () => root;
  return [
    createRoute({ getParentRoute, path: "/query/$ns/$name", validateSearch: texts("tab"), component: lazyRouteComponent(() => import("../screens/query/query"), "QueryScreen") }),
    createRoute({ getParentRoute, path: "/chat", validateSearch: texts("target", "conversation"), component: lazyRouteComponent(() => import("../screens/chat/chat"), "ChatScreen") }),
    createRoute({ getParentRoute, path: "/search", validateSearch: texts("q", "sort", "page"), component: lazyRouteComponent(() => import("../screens/search/search"), "SearchScreen") }),
    createRoute({ getParentRoute, path: "/sql", validateSearch: texts("q", "view"), component: lazyRouteComponent(() => import("../screens/sql/sql"), "SqlScreen") }),
    createRoute({ getParentRoute, path: "/reports", validateSearch: texts("show", "with"), component: lazyRouteComponent(() => import("../screens/sql/reports"), "ReportsScreen") }),
    createRoute({ getParentRoute, path: "/graph", validateSearch: texts("focus", "as"), component: lazyRouteComponent(() => import("../screens/graph/graph"), "GraphScreen") }),
    createRoute({ getParentRoute, path: "/approvals", component: lazyRouteComponent(() => import("../screens/approvals/approvals"), "ApprovalsScreen") }),
  ] as const;
}
