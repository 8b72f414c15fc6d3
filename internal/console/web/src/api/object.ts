import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ask, url } from "./client";
import { collection, type Kind, member } from "./kinds";
import type { Obj } from "./types";
import { watch } from "./watch";

export const objectKey = (kind: Kind, namespace: string | undefined, name: string) => ["object", kind.id, namespace ?? "", name];

/** An object, as it is now: the screen that shows it watches it. */
export function useObject(kind: Kind, namespace: string | undefined, name: string) {
  const queries = useQueryClient();
  const result = useQuery({ queryKey: objectKey(kind, namespace, name), queryFn: ({ signal }) => ask<Obj>(member(kind, namespace, name), { signal }), staleTime: Number.POSITIVE_INFINITY, gcTime: 30_000 });
  const from = result.data?.metadata.uid;
  const [expired, setExpired] = useState(0);
  useEffect(() => {
    if (!from || !kind.verbs.includes("watch")) return;
    const key = objectKey(kind, namespace, name);
    return watch<Obj>({
      path: collection(kind, namespace),
      query: { fieldSelector: `metadata.name=${name}` },
      from: queries.getQueryData<Obj>(key)?.metadata.resourceVersion ?? "",
      versionOf: (o) => o.metadata?.resourceVersion,
      onEvents: (events) => {
        const last = events.at(-1)!;
        if (last.type === "DELETED") void queries.invalidateQueries({ queryKey: key });
        else queries.setQueryData(key, last.object);
      },
      onExpired: () => void queries.invalidateQueries({ queryKey: key }).then(() => setExpired((n) => n + 1)),
    });
  }, [from, expired, kind, namespace, name, queries]);
  return result;
}

/** Writes an object, or tries to: strictly, so that unknown fields are faults. */
export function write(kind: Kind, object: Obj, { create = false, dryRun = false }: { create?: boolean; dryRun?: boolean }): Promise<Obj> {
  const namespace = kind.namespaced ? object.metadata.namespace : undefined;
  const path = create ? collection(kind, namespace) : member(kind, namespace, object.metadata.name);
  return ask<Obj>(url(path, { dryRun: dryRun ? "All" : undefined, fieldValidation: "Strict", fieldManager: "ark-console" }), { method: create ? "POST" : "PUT", body: object });
}
