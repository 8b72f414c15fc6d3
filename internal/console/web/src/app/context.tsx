// What every screen needs: who is signed in, which kinds there are, what the user may do.
import { useQuery, useSuspenseQuery } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { ask } from "../api/client";
import { ARK, discover, type Kind } from "../api/kinds";
import { may, mayPath, rightsIn } from "../api/rights";
import type { Session } from "../api/session";
import type { List, Obj } from "../api/types";

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("there is no session");
  return session;
}

/** All kinds of the server. */
export function useKinds(): Kind[] {
  return useSuspenseQuery({ queryKey: ["kinds"], queryFn: discover, staleTime: 5 * 60_000 }).data;
}

/** The kind that an address names. */
export function useKind(id: string): Kind | undefined {
  return useKinds().find((k) => k.id === id);
}

export const arkKinds = (kinds: Kind[]) => kinds.filter((k) => k.group === ARK && k.verbs.includes("list"));

export type UserRights = ReturnType<typeof useRights>;

/** What the user may do in a namespace; "" for all of them. */
export function useRights(namespace: string | undefined) {
  const rights = useQuery({ queryKey: ["rights", namespace ?? ""], queryFn: () => rightsIn(namespace ?? ""), staleTime: 60_000 }).data;
  return {
    known: rights !== undefined,
    may: (verb: string, group: string, resource: string, name?: string) => rights !== undefined && may(rights, verb, group, resource, name),
    mayPath: (verb: string, path: string) => rights !== undefined && mayPath(rights, verb, path),
  };
}

/** The namespaces that the user may list; undefined where that is not allowed. */
export function useNamespaces(): string[] | undefined {
  return useQuery({
    queryKey: ["namespaces"],
    queryFn: async () => (await ask<List<Obj>>("/api/v1/namespaces?limit=500")).items.map((n) => n.metadata.name).toSorted(),
    staleTime: 60_000,
    retry: false,
  }).data;
}
