// Versions of then: what they were, and asking them again.
import { ApiError, ask, send, url } from "../../api/client";
import type { Obj } from "../../api/types";
import { arkPath, patch } from "../../live/object";
import { again, type Query, type Version } from "../../live/query";

/** A version that a query ran with, beside the object of today. */
export interface Used {
  version: Version;
  state: "same" | "changed" | "gone" | "unknown";
  /** The object as it was; undefined where the history does not have it. */
  then?: Obj;
  /** The resourceVersion of today. */
  today?: string;
}

interface Revision {
  revision: number;
  generation?: number;
  object: { uid?: string };
  snapshot?: Obj;
}

const missing = (error: unknown) => error instanceof ApiError && [404, 409, 410].includes(error.code);

/** The version itself or, where only a status was written since the one before and it was dropped, that one. */
async function revisionOf(v: Version): Promise<Revision | undefined> {
  const at = `${arkPath(v.resource, v.namespace, v.name)}/history`;
  try {
    return await ask<Revision>(`${at}/${encodeURIComponent(v.version)}`);
  } catch (error) {
    if (!missing(error)) throw error;
  }
  try {
    const all = await ask<{ items: Revision[] }>(url(at, { limit: 500 }));
    const before = all.items.filter((r) => r.revision <= Number(v.version)).toSorted((a, b) => b.revision - a.revision)[0];
    return before && (await ask<Revision>(`${at}/${before.revision}`));
  } catch (error) {
    if (missing(error)) return undefined;
    throw error;
  }
}

async function compare(v: Version): Promise<Used> {
  const [now, then] = await Promise.all([
    ask<Obj>(arkPath(v.resource, v.namespace, v.name)).catch((error: unknown) => {
      if (missing(error)) return undefined;
      throw error;
    }),
    revisionOf(v),
  ]);
  const used = { version: v, then: then?.snapshot, today: now?.metadata.resourceVersion };
  if (!now) return { ...used, state: "gone" };
  if (now.metadata.resourceVersion === v.version) return { ...used, then: used.then ?? now, state: "same" };
  if (!then) return { ...used, state: "unknown" };
  const same = then.object.uid === now.metadata.uid && then.generation === now.metadata.generation;
  return { ...used, state: same ? "same" : "changed" };
}

export const compareAll = (versions: Version[]): Promise<Used[]> => Promise.all(versions.map(compare));

/** What has changed from a version to today, as YAML line by line. */
export const diffOf = (v: Version): Promise<string> => send(url(`${arkPath(v.resource, v.namespace, v.name)}/diff`, { from: v.version }), { accept: "*/*" }).then((r) => r.text());

const copyLabel = "ark.mckinsey.com/run-as-it-was";
const singular: Record<string, string> = { agents: "agent", teams: "team", models: "model", tools: "tool" };

/** Which kinds and names a spec refers to, of those that queries run with. `to` returns the new name, or the same. */
function rewrite(resource: string, spec: Record<string, unknown>, to: (resource: string, name: string) => string): Record<string, unknown> {
  const out = structuredClone(spec) as Record<string, unknown> & {
    modelRef?: { name?: string };
    tools?: { type?: string; name?: string }[];
    members?: { type?: string; name?: string }[];
    selector?: { agent?: string };
    graph?: { edges?: { from?: string; to?: string }[] };
    agent?: { name?: string };
    team?: { name?: string };
  };
  if (resource === "agents") {
    const model = to("models", out.modelRef?.name ?? "default");
    if (out.modelRef ?? model !== "default") out.modelRef = { ...out.modelRef, name: model };
    for (const tool of out.tools ?? []) if (tool.name) tool.name = to("tools", tool.name);
  }
  if (resource === "teams") {
    const kinds = new Map((out.members ?? []).map((m) => [m.name ?? "", m.type === "team" ? "teams" : "agents"]));
    const member = (name: string | undefined) => name && to(kinds.get(name) ?? "agents", name);
    for (const edge of out.graph?.edges ?? []) Object.assign(edge, { from: member(edge.from), to: member(edge.to) });
    if (out.selector?.agent) out.selector.agent = to("agents", out.selector.agent);
    for (const m of out.members ?? []) m.name = member(m.name);
  }
  if (resource === "tools") {
    if (out.agent?.name) out.agent.name = to("agents", out.agent.name);
    if (out.team?.name) out.team.name = to("teams", out.team.name);
  }
  return out;
}

/** Those that have to be copied: what has changed since or is gone, and whatever refers to that. */
export function toCopy(all: Used[]): Used[] {
  const id = (resource: string, name: string) => `${resource}/${name}`;
  const chosen = new Set(all.filter((u) => u.state === "changed" || u.state === "gone").map((u) => id(u.version.resource, u.version.name)));
  for (let before = -1; before !== chosen.size; ) {
    before = chosen.size;
    for (const u of all) {
      let refers = false;
      rewrite(u.version.resource, u.then?.spec ?? {}, (resource, name) => {
        refers ||= chosen.has(id(resource, name));
        return name;
      });
      if (refers) chosen.add(id(u.version.resource, u.version.name));
    }
  }
  return all.filter((u) => chosen.has(id(u.version.resource, u.version.name)));
}

/** The name of a copy: that of the object and its version, and part of the run's name so that runs do not share them. */
const copyName = (u: Used, run: string) => `${u.version.name.slice(0, 200).replace(/[-.]+$/, "")}-v${u.version.version}-${run}`;

/**
 * Asks a query again, of copies of what it ran with. What is today as it was is not copied. The copies belong to the new
 * query, so that they go with it.
 */
export async function runAsItWas(q: Query, all: Used[]): Promise<Obj> {
  const ns = q.metadata.namespace ?? "default";
  const copies = toCopy(all);
  const elsewhere = copies.find((u) => u.version.namespace !== ns);
  if (elsewhere) throw new Error(`${elsewhere.version.resource}/${elsewhere.version.name} is in another namespace: it cannot be asked as it was`);
  const run = Math.random().toString(36).slice(2, 8);
  const names = new Map(copies.map((u) => [`${u.version.resource}/${u.version.name}`, copyName(u, run)]));
  const to = (resource: string, name: string) => names.get(`${resource}/${name}`) ?? name;
  const made: Used[] = [];
  try {
    // What others refer to comes first.
    for (const resource of ["models", "tools", "agents", "teams"]) {
      for (const u of copies.filter((c) => c.version.resource === resource)) {
        if (!u.then) throw new Error(`${resource}/${u.version.name} is not kept as it was`);
        await ask(arkPath(resource, ns), {
          method: "POST",
          body: {
            apiVersion: u.then.apiVersion,
            kind: u.then.kind,
            metadata: { name: to(resource, u.version.name), namespace: ns, labels: { ...u.then.metadata.labels, [copyLabel]: run }, annotations: { "ark.mckinsey.com/change-cause": `${singular[resource]} ${u.version.name} as of ${u.version.version}` } },
            spec: rewrite(resource, u.then.spec ?? {}, to),
          },
        });
        made.push(u);
      }
    }
    const target = q.spec?.target ?? q.status?.response?.target;
    const query = again(q, target ? { target: { type: target.type, name: to(`${target.type}s`, target.name) }, selector: undefined } : {});
    const created = await ask<Obj>(arkPath("queries", ns), { method: "POST", body: query });
    const owner = { apiVersion: created.apiVersion, kind: created.kind, name: created.metadata.name, uid: created.metadata.uid };
    await Promise.all(made.map((u) => patch(u.version.resource, ns, to(u.version.resource, u.version.name), { metadata: { ownerReferences: [owner] } })));
    return created;
  } catch (error) {
    await Promise.allSettled(made.map((u) => send(arkPath(u.version.resource, ns, to(u.version.resource, u.version.name)), { method: "DELETE" })));
    throw error;
  }
}
