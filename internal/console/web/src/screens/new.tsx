import "../styles/object.css";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { ApiError } from "../api/client";
import type { Kind } from "../api/kinds";
import { write } from "../api/object";
import type { Obj } from "../api/types";
import { useKind } from "../app/context";
import { toast } from "../app/toast";
import { newRoute } from "../routes";
import { CommandLine } from "../ui/copy";
import { Editor } from "../ui/editor";
import { Empty, Failure } from "../ui/states";
import { fromYaml, toYaml } from "../ui/yaml";
import { useSchema } from "./schema";

const specs: Record<string, Record<string, unknown>> = {
  Agent: { prompt: "You are helpful and brief.", modelRef: { name: "default" } },
  Query: { input: "What is the weather in Chicago?", target: { type: "agent", name: "weather" } },
  Team: { strategy: "sequential", members: [{ type: "agent", name: "weather" }] },
  Model: { provider: "openai", type: "completions", model: { value: "gpt-4o-mini" }, config: { openai: { baseUrl: { value: "https://api.openai.com/v1" }, apiKey: { valueFrom: { secretKeyRef: { name: "openai", key: "token" } } } } } },
  RetentionPolicy: { exactFor: "7d", rules: [{ kinds: ["Agent", "Team"], versions: 500, age: "730d" }] },
  Report: { description: "queries by phase", query: "SELECT phase, count(*) AS queries FROM queries GROUP BY 1" },
};

export function NewScreen() {
  const { resource } = newRoute.useParams();
  const kind = useKind(resource);
  if (!kind) return <Empty title={`The server has no ${resource}`} />;
  return <New key={kind.id} kind={kind} />;
}

function New({ kind }: { kind: Kind }) {
  const { namespace } = newRoute.useSearch();
  const navigate = useNavigate();
  const apiVersion = kind.group ? `${kind.group}/${kind.version}` : kind.version;
  const [text, setText] = useState(() => toYaml({ apiVersion, kind: kind.kind, metadata: { name: `new-${kind.kind.toLowerCase()}`, ...(kind.namespaced ? { namespace: namespace ?? "default" } : {}) }, ...(["Secret", "ConfigMap", "Event"].includes(kind.kind) ? {} : { spec: specs[kind.kind] ?? {} }) }));
  const [failure, setFailure] = useState<unknown>();
  const [checked, setChecked] = useState(false);
  const [busy, setBusy] = useState(false);
  const schema = useSchema(kind);
  const run = async (dryRun: boolean) => {
    if (busy) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const object: Obj = fromYaml(text);
      if (object.apiVersion !== apiVersion || object.kind !== kind.kind) throw new Error(`this page makes a ${kind.kind} of ${apiVersion}`);
      if (kind.namespaced) object.metadata.namespace ??= namespace ?? "default";
      const made = await write(kind, object, { create: true, dryRun });
      if (dryRun) setChecked(true);
      else {
        toast(`${made.metadata.name} was made`, "good");
        void navigate({ to: "/object/$resource/$ns/$name", params: { resource: kind.id, ns: made.metadata.namespace ?? "-", name: made.metadata.name } });
      }
    } catch (error) {
      setFailure(error);
      setChecked(false);
    }
    setBusy(false);
  };
  return (
    <div className="page">
      <header>
        <h1>New {kind.kind}</h1>
        <div className="row right">
          <CommandLine lines={["kubectl create -f FILE.yaml"]} />
        </div>
      </header>
      {failure !== undefined && <Failure error={failure} what={failure instanceof ApiError ? "The server would not take this" : "This is no valid YAML"} />}
      {checked && (
        <div className="notice" role="status">
          The server would take this.
        </div>
      )}
      <Editor label={`YAML of the new ${kind.kind}`} value={text} onChange={(t) => (setText(t), setChecked(false))} onSave={() => void run(true)} extensions={schema} />
      <div className="row">
        <button type="button" className="button primary" disabled={busy} onClick={() => void run(false)}>
          Create
        </button>
        <button type="button" className="button" disabled={busy} onClick={() => void run(true)}>
          Check as a dry run
        </button>
      </div>
    </div>
  );
}
