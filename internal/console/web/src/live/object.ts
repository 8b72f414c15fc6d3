// One object, as it is now: read once, and followed by a watch while it is on the screen.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { ask, url } from "../api/client";
import { ARK } from "../api/kinds";
import type { Obj } from "../api/types";
import { watch } from "../api/watch";

/** The path of a collection of Ark's group. */
export const arkPath = (resource: string, namespace: string, name?: string): string =>
  `/apis/${ARK}/v1alpha1/namespaces/${encodeURIComponent(namespace)}/${resource}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`;

/** Follows an object of Ark's. `gone` says that it was deleted while it was on the screen. */
export function useObject<T extends Obj>(resource: string, namespace: string, name: string) {
  const client = useQueryClient();
  const key = ["live", resource, namespace, name];
  const read = useQuery({ queryKey: key, queryFn: () => ask<T>(arkPath(resource, namespace, name)), staleTime: Number.POSITIVE_INFINITY, gcTime: 0 });
  const from = read.data?.metadata.resourceVersion;
  const uid = read.data?.metadata.uid;
  useEffect(() => {
    if (!uid || !from) return;
    return watch<T>({
      path: arkPath(resource, namespace),
      query: { fieldSelector: `metadata.name=${name}` },
      from,
      versionOf: (object) => object.metadata.resourceVersion,
      onEvents: (events) => {
        const last = events.at(-1);
        if (last) client.setQueryData<T>(key, last.type === "DELETED" ? { ...last.object, gone: true } : last.object);
      },
      onExpired: () => void client.invalidateQueries({ queryKey: key }),
    });
    // The watch goes on by itself: a newer version of the same object begins no other one.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [uid, resource, namespace, name]);
  return { object: read.data, error: read.error, pending: read.isPending, gone: read.data?.["gone"] === true, refetch: () => void read.refetch() };
}

/** Merges a change into an object of Ark's. */
export const patch = (resource: string, namespace: string, name: string, change: unknown) =>
  ask<Obj>(arkPath(resource, namespace, name), { method: "PATCH", type: "application/merge-patch+json", body: change });

/** The newest events about an object. */
export const eventsOf = (namespace: string, uid: string) =>
  ask<{ items: KubeEvent[] }>(url(`/api/v1/namespaces/${encodeURIComponent(namespace)}/events`, { fieldSelector: `involvedObject.uid=${uid}`, limit: 500 })).then((l) => l.items);

export interface KubeEvent {
  metadata: { name: string; uid: string; annotations?: Record<string, string> };
  type?: string;
  reason: string;
  message: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
}
