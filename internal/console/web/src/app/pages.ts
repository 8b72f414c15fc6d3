// Which page an object has.
import type { LinkProps } from "@tanstack/react-router";
import { ARK, type Kind } from "../api/kinds";

/** The page that an object opens on: a query's own has its answer and steps. */
export const pageOf = (kind: Kind, namespace: string, name: string): Pick<LinkProps, "to" | "params"> =>
  kind.group === ARK && kind.resource === "queries" ? { to: "/query/$ns/$name", params: { ns: namespace, name } as never } : { to: "/object/$resource/$ns/$name", params: { resource: kind.id, ns: namespace || "-", name } as never };
