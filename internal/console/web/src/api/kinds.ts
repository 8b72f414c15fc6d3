// What the server has, from its discovery.
import { ask } from "./client";

export interface Kind {
  group: string;
  version: string;
  kind: string;
  /** plural name, as in paths */
  resource: string;
  /** how the console's addresses name it: the resource, with .GROUP unless it is Ark's or the core's */
  id: string;
  namespaced: boolean;
  verbs: string[];
  subresources: string[];
  shortNames: string[];
}

export const ARK = "ark.mckinsey.com";
export const RECORDS = "records.ark.mckinsey.com";

interface Discovery {
  items: {
    metadata: { name?: string };
    versions: {
      version: string;
      resources?: {
        resource: string;
        responseKind?: { kind: string };
        scope: string;
        verbs: string[];
        shortNames?: string[];
        subresources?: { subresource: string }[];
      }[];
    }[];
  }[];
}

const ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/** All kinds in the preferred version of their group; Ark's first. */
export async function discover(): Promise<Kind[]> {
  const [core, groups] = await Promise.all([
    ask<Discovery>("/api", { accept: ACCEPT }).catch((): Discovery => ({ items: [] })),
    ask<Discovery>("/apis", { accept: ACCEPT }),
  ]);
  const kinds: Kind[] = [];
  for (const item of [...(core.items ?? []), ...(groups.items ?? [])]) {
    const group = item.metadata.name ?? "";
    const known = new Set<string>();
    for (const { version, resources = [] } of item.versions) {
      for (const r of resources) {
        if (known.has(r.resource)) continue;
        known.add(r.resource);
        kinds.push({
          group,
          version,
          kind: r.responseKind?.kind ?? r.resource,
          resource: r.resource,
          id: group === ARK || group === "" ? r.resource : `${r.resource}.${group}`,
          namespaced: r.scope === "Namespaced",
          verbs: r.verbs,
          subresources: (r.subresources ?? []).map((s) => s.subresource),
          shortNames: r.shortNames ?? [],
        });
      }
    }
  }
  return kinds;
}

/** The path of a kind's collection, of all namespaces where none is given. */
export function collection(kind: Kind, namespace?: string): string {
  const base = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  return kind.namespaced && namespace ? `${base}/namespaces/${encodeURIComponent(namespace)}/${kind.resource}` : `${base}/${kind.resource}`;
}

/** The path of an object. */
export function member(kind: Kind, namespace: string | undefined, name: string): string {
  return `${collection(kind, namespace)}/${encodeURIComponent(name)}`;
}

/** A collection of records.ark.mckinsey.com. */
export function records(resource: string, namespace?: string): string {
  const base = `/apis/${RECORDS}/v1alpha1`;
  return namespace ? `${base}/namespaces/${encodeURIComponent(namespace)}/${resource}` : `${base}/${resource}`;
}

/** Finds the kind of an object or of an owner. */
export const kindOf = (kinds: Kind[], apiVersion: string, kind: string): Kind | undefined => {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
  return kinds.find((k) => k.group === group && k.kind === kind);
};
