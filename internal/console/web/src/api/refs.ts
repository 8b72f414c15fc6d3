// Which objects an object names.
import type { Obj } from "./types";

export interface Ref {
  resource: string;
  name: string;
  namespace: string;
  why: string;
}

const resources: Record<string, string> = {
  agent: "agents", model: "models", team: "teams", tool: "tools", query: "queries", memory: "memories",
  mcpServerRef: "mcpservers", modelRef: "models", executionEngine: "executionengines", memoryRef: "memories", agentRef: "agents", teamRef: "teams",
};

/** The references of an object's spec: targets, members, tools, models and the like, wherever they are. */
export function refsOf(object: Obj): Ref[] {
  const found = new Map<string, Ref>();
  const own = object.metadata.namespace ?? "";
  const add = (resource: string | undefined, name: unknown, namespace: unknown, why: string) => {
    if (!resource || typeof name !== "string" || name === "") return;
    const ref = { resource, name, namespace: typeof namespace === "string" && namespace ? namespace : own, why };
    found.set(`${ref.resource}/${ref.namespace}/${ref.name}`, ref);
  };
  const walk = (value: unknown, key: string, parent: string) => {
    if (Array.isArray(value)) {
      for (const item of value) walk(item, key, parent);
      return;
    }
    if (!value || typeof value !== "object") return;
    const o = value as Record<string, unknown>;
    if (typeof o["name"] === "string") {
      if (resources[key]) add(resources[key], o["name"], o["namespace"], key);
      else if (key === "tools") add("tools", (o["partial"] as { name?: string })?.name ?? o["name"], o["namespace"], "tool");
      else if (["target", "targets", "members", "responder"].includes(key) && typeof o["type"] === "string") add(resources[o["type"]], o["name"], o["namespace"], key === "members" ? "member" : key);
      else if (key === "secretKeyRef") add("secrets", o["name"], undefined, "secret");
      else if (key === "configMapKeyRef") add("configmaps", o["name"], undefined, "config map");
    }
    for (const [k, v] of Object.entries(o)) walk(v, k, key);
  };
  walk(object.spec, "spec", "");
  return [...found.values()];
}
