// What the user may do, so that only that is offered. The server decides; this only hides what it would refuse.
import { ApiError, ask } from "./client";

interface Rule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
}

export interface Rights {
  rules: Rule[];
  paths: { verbs: string[]; nonResourceURLs?: string[] }[];
  /** The server cannot say all: what is not listed may be allowed. */
  incomplete: boolean;
}

/**
 * What no namespace is called. A review names one, and in it only the rights that count in all namespaces hold.
 */
const EVERYWHERE = "*";

/** The rights in a namespace; those that hold in all of them for "". */
export async function rightsIn(namespace: string): Promise<Rights> {
  try {
    const review = await ask<{ status: { resourceRules?: Rule[]; nonResourceRules?: Rights["paths"]; incomplete?: boolean } }>(
      "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
      { method: "POST", body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace: namespace || EVERYWHERE } } },
    );
    return { rules: review.status.resourceRules ?? [], paths: review.status.nonResourceRules ?? [], incomplete: review.status.incomplete ?? false };
  } catch (error) {
    // Beside a cluster's API there are no reviews.
    if (error instanceof ApiError && error.code !== 401) return { rules: [], paths: [], incomplete: true };
    throw error;
  }
}

const has = (list: string[] | undefined, value: string) => !!list && (list.includes("*") || list.includes(value));

/** Reports whether a rule allows a verb on a resource, such as agents or agents/rollback. */
export function may(rights: Rights | undefined, verb: string, group: string, resource: string, name?: string): boolean {
  if (!rights || rights.incomplete) return true;
  const sub = resource.includes("/") ? `*/${resource.slice(resource.indexOf("/") + 1)}` : "";
  return rights.rules.some(
    (r) =>
      has(r.verbs, verb) &&
      has(r.apiGroups, group) &&
      (has(r.resources, resource) || (sub !== "" && (r.resources ?? []).includes(sub))) &&
      (!r.resourceNames?.length || (name !== undefined && r.resourceNames.includes(name))),
  );
}

/** Reports whether a path may be asked for. */
export function mayPath(rights: Rights | undefined, verb: string, path: string): boolean {
  if (!rights || rights.incomplete) return true;
  return rights.paths.some(
    (r) => has(r.verbs, verb) && (r.nonResourceURLs ?? []).some((p) => p === "*" || p === path || (p.endsWith("*") && path.startsWith(p.slice(0, -1)))),
  );
}
