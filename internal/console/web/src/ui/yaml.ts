import { parse, stringify } from "yaml";
import type { Obj } from "../api/types";

/** An object as YAML to read and edit: without what the server manages for itself. */
export function toYaml(object: unknown): string {
  const copy = structuredClone(object) as Obj;
  if (copy && typeof copy === "object" && copy.metadata) delete copy.metadata.managedFields;
  return stringify(copy, { lineWidth: 0, aliasDuplicateObjects: false, version: "1.1" });
}

/** Reads one object from YAML; throws an Error that says where the fault is. */
export function fromYaml(text: string): Obj {
  const value: unknown = parse(text, { version: "1.1", maxAliasCount: 100, prettyErrors: true });
  if (!value || typeof value !== "object" || Array.isArray(value)) throw new Error("this is no object: it needs apiVersion, kind and metadata");
  return value as Obj;
}
