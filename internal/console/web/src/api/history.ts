import { ask, url } from "./client";
import { type Kind, member } from "./kinds";
import type { Meta, Obj } from "./types";

/** One version of an object, as records.ark.mckinsey.com tells it. */
export interface Revision {
  metadata: Meta;
  object: { kind: string; namespace?: string; name: string; uid: string };
  revision: number;
  generation?: number;
  verb: string;
  user?: string;
  impersonator?: string;
  userAgent?: string;
  fieldManager?: string;
  auditID?: string;
  time: string;
  cause?: string;
  changedPaths?: string[];
  snapshot?: Obj;
}

export interface RevisionList {
  metadata: { continue?: string };
  items: Revision[];
}

export interface Blame {
  items: { path: string; value: unknown; revision: number; verb: string; user?: string; time: string }[];
}

export const versions = (kind: Kind, namespace: string | undefined, name: string, token = "") => ask<RevisionList>(url(`${member(kind, namespace, name)}/history`, { limit: 100, continue: token }));

export const version = (kind: Kind, namespace: string | undefined, name: string, revision: number) => ask<Revision>(`${member(kind, namespace, name)}/history/${revision}`);

export const blame = (kind: Kind, namespace: string | undefined, name: string) => ask<Blame>(url(`${member(kind, namespace, name)}/blame`, { path: "spec" }));

/** Brings back the spec of a version, or says what that would store. */
export const rollback = (kind: Kind, namespace: string | undefined, name: string, revision: number, dryRun: boolean) =>
  ask<Obj>(url(`${member(kind, namespace, name)}/rollback`, { dryRun: dryRun ? "All" : undefined }), { method: "POST", body: { spec: { revision } } });
