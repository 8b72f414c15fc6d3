// Every screen's address. A screen is loaded when it is opened; what it shows is in its address.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, parseSearchWith, retainSearchParams, stringifySearchWith } from "@tanstack/react-router";
import { Root } from "./app/root";
import { liveRoutes } from "./live/routes";
import { Empty, Loading } from "./ui/states";

/** A text of the address; undefined where there is none. */
export const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : undefined);

export const rootRoute = createRootRoute({
  component: Root,
  validateSearch: (s: Record<string, unknown>): { namespace?: string } => ({ namespace: text(s["namespace"]) }),
  search: { middlewares: [retainSearchParams(["namespace"])] },
  notFoundComponent: () => <Empty title="There is no such page" />,
});

export const homeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  validateSearch: (s: Record<string, unknown>): { range?: string; input?: string; output?: string } => ({ range: text(s["range"]), input: text(s["input"]), output: text(s["output"]) }),
  component: lazyRouteComponent(() => import("./screens/home"), "Home"),
});

export const listRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/list/$resource",
  validateSearch: (s: Record<string, unknown>): { q?: string; labels?: string; fields?: string; sort?: string; columns?: string } => ({
    q: text(s["q"]),
    labels: text(s["labels"]),
    fields: text(s["fields"]),
    sort: text(s["sort"]),
    columns: text(s["columns"]),
  }),
  component: lazyRouteComponent(() => import("./screens/list"), "ListScreen"),
});

export const objectRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/object/$resource/$ns/$name",
  validateSearch: (s: Record<string, unknown>): { tab?: string; from?: string; to?: string } => ({ tab: text(s["tab"]), from: text(s["from"]), to: text(s["to"]) }),
  component: lazyRouteComponent(() => import("./screens/object"), "ObjectScreen"),
});

export const newRoute = createRoute({ getParentRoute: () => rootRoute, path: "/new/$resource", component: lazyRouteComponent(() => import("./screens/new"), "NewScreen") });

export const trashRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/trash",
  validateSearch: (s: Record<string, unknown>): { q?: string } => ({ q: text(s["q"]) }),
  component: lazyRouteComponent(() => import("./screens/trash"), "Trash"),
});

const retentionRoute = createRoute({ getParentRoute: () => rootRoute, path: "/retention", component: lazyRouteComponent(() => import("./screens/retention"), "Retention") });
const tokensRoute = createRoute({ getParentRoute: () => rootRoute, path: "/tokens", component: lazyRouteComponent(() => import("./screens/tokens"), "Tokens") });
const serverRoute = createRoute({ getParentRoute: () => rootRoute, path: "/server", component: lazyRouteComponent(() => import("./screens/server"), "Server") });

const routeTree = rootRoute.addChildren([homeRoute, listRoute, objectRoute, newRoute, trashRoute, retentionRoute, tokensRoute, serverRoute, ...liveRoutes(rootRoute)]);

export const router = createRouter({
  routeTree,
  basepath: "/console",
  // Texts as they are: the router would put numbers in quotes, and read them as numbers.
  parseSearch: parseSearchWith((value) => value),
  stringifySearch: stringifySearchWith(String),
  defaultPreload: "intent",
  defaultPendingComponent: () => <Loading />,
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
