import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ApiError, ask, url } from "../api/client";
import { ARK, collection, type Kind, kindOf } from "../api/kinds";
import { type Ref, refsOf } from "../api/refs";
import type { Condition, List, Obj } from "../api/types";
import { useKinds, useRights } from "../app/context";
import { Badge } from "../ui/badge";
import { Fields } from "../ui/fields";
import { Age } from "../ui/time";

/** What an object says, what is around it, and what has happened to it. */
export function Overview({ kind, object }: { kind: Kind; object: Obj }) {
  const { conditions, ...status } = (object.status ?? {}) as { conditions?: Condition[] };
  const known = new Set(["apiVersion", "kind", "metadata", "spec", "status"]);
  const others = Object.fromEntries(Object.entries(object).filter(([name]) => !known.has(name)));
  return (
    <div className="two">
      <div className="stack">
        {object.spec && (
          <section className="card">
            <h2>Spec</h2>
            <Fields value={object.spec} />
          </section>
        )}
        {Object.keys(status).length > 0 && (
          <section className="card">
            <h2>Status</h2>
            <Fields value={status} />
          </section>
        )}
        {Object.keys(others).length > 0 && (
          <section className="card">
            <h2>Content</h2>
            <Fields value={others} />
          </section>
        )}
      </div>
      <div className="stack">
        {Array.isArray(conditions) && conditions.length > 0 && <Conditions conditions={conditions} />}
        <Related kind={kind} object={object} />
        <Events object={object} />
        <Metadata object={object} />
      </div>
    </div>
  );
}

function Conditions({ conditions }: { conditions: Condition[] }) {
  return (
    <section className="card">
      <h2>Conditions</h2>
      <ul className="stack">
        {conditions.map((c) => (
          <li key={c.type} className="stack" style={{ gap: 2 }}>
            <div className="row">
              <strong className="plain">{c.type}</strong>
              <Badge text={c.status} tone={c.status === "True" ? "good" : c.status === "False" ? "bad" : "warn"} />
              <span className="dim small right">
                <Age time={c.lastTransitionTime} />
              </span>
            </div>
            <span className="plain dim small">{[c.reason, c.message].filter(Boolean).join(": ")}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RefLink({ of, why }: { of: Ref; why?: string }) {
  const kinds = useKinds();
  const kind = kinds.find((k) => k.resource === of.resource && (k.group === ARK || k.group === ""));
  return (
    <li className="row tight">
      {kind ? (
        <Link to="/object/$resource/$ns/$name" params={{ resource: kind.id, ns: kind.namespaced ? of.namespace : "-", name: of.name }} className="plain">
          {of.name}
        </Link>
      ) : (
        <span className="plain">{of.name}</span>
      )}
      <span className="dim small right">{why ?? of.why}</span>
    </li>
  );
}

const USERS = ["agents", "teams", "tools", "mcpservers", "models"];

function Related({ kind, object }: { kind: Kind; object: Obj }) {
  const kinds = useKinds();
  const { namespace, name } = object.metadata;
  const uses = refsOf(object);
  const owners = object.metadata.ownerReferences ?? [];
  const users = useQuery({
    queryKey: ["users-of", kind.id, namespace, name],
    enabled: kind.group === ARK && ["agents", "models", "teams", "tools", "mcpservers", "memories", "executionengines"].includes(kind.resource),
    staleTime: 30_000,
    queryFn: async () => {
      const from = kinds.filter((k) => k.group === ARK && USERS.includes(k.resource));
      const lists = await Promise.allSettled(from.map((k) => ask<List<Obj>>(url(collection(k, namespace), { limit: 500 }))));
      return lists.flatMap((list, i) =>
        list.status === "rejected"
          ? []
          : list.value.items.filter((o) => refsOf(o).some((r) => r.resource === kind.resource && r.name === name && r.namespace === (namespace ?? ""))).map((o) => ({ resource: from[i]!.resource, name: o.metadata.name, namespace: o.metadata.namespace ?? "", why: from[i]!.kind })),
      );
    },
  }).data;
  if (uses.length === 0 && owners.length === 0 && !users?.length) return null;
  return (
    <section className="card stack related">
      <h2>Related</h2>
      {owners.length > 0 && (
        <div>
          <h3>Owned by</h3>
          <ul>
            {owners.map((o) => (
              <RefLink key={o.uid} of={{ resource: kindOf(kinds, o.apiVersion, o.kind)?.resource ?? o.kind, name: o.name, namespace: namespace ?? "", why: o.kind }} />
            ))}
          </ul>
        </div>
      )}
      {uses.length > 0 && (
        <div>
          <h3>Uses</h3>
          <ul>
            {uses.map((r) => (
              <RefLink key={`${r.resource}/${r.namespace}/${r.name}`} of={r} />
            ))}
          </ul>
        </div>
      )}
      {users && users.length > 0 && (
        <div>
          <h3>Used by</h3>
          <ul>
            {users.map((r) => (
              <RefLink key={`${r.resource}/${r.name}`} of={r} />
            ))}
          </ul>
        </div>
      )}
    </section>
  );
}

interface Event extends Obj {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  lastTimestamp?: string;
  eventTime?: string;
}

function Events({ object }: { object: Obj }) {
  const { namespace, uid } = object.metadata;
  const rights = useRights(namespace);
  const { data, error } = useQuery({
    queryKey: ["events", uid],
    enabled: namespace !== undefined && rights.may("list", "", "events"),
    retry: false,
    refetchInterval: 15_000,
    queryFn: async () => (await ask<List<Event>>(url(`/api/v1/namespaces/${encodeURIComponent(namespace!)}/events`, { fieldSelector: `involvedObject.uid=${uid}`, limit: 100 }))).items,
  });
  if (error instanceof ApiError && (error.forbidden || error.notFound)) return null;
  if (!data || data.length === 0) return null;
  const when = (e: Event) => e.lastTimestamp ?? e.eventTime ?? e.metadata.creationTimestamp ?? "";
  return (
    <section className="card">
      <h2>Events</h2>
      <ul className="stack">
        {data
          .toSorted((a, b) => when(b).localeCompare(when(a)))
          .slice(0, 30)
          .map((e) => (
            <li key={e.metadata.uid} className="stack" style={{ gap: 2 }}>
              <div className="row">
                <Badge text={e.reason ?? ""} tone={e.type === "Warning" ? "warn" : ""} />
                {(e.count ?? 1) > 1 && <span className="dim small">{e.count} times</span>}
                <span className="dim small right">
                  <Age time={when(e)} />
                </span>
              </div>
              <span className="plain small">{e.message}</span>
            </li>
          ))}
      </ul>
    </section>
  );
}

function Metadata({ object }: { object: Obj }) {
  const { labels, annotations, uid, resourceVersion, generation, creationTimestamp, finalizers } = object.metadata;
  const shown = Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => name !== "kubectl.kubernetes.io/last-applied-configuration"));
  return (
    <section className="card">
      <h2>Metadata</h2>
      <Fields
        value={{
          ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
          ...(Object.keys(shown).length > 0 ? { annotations: shown } : {}),
          ...(finalizers?.length ? { finalizers } : {}),
          created: creationTimestamp,
          ...(generation ? { generation } : {}),
          resourceVersion,
          uid,
        }}
      />
    </section>
  );
}
