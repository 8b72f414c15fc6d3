import "../styles/object.css";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { ApiError, send } from "../api/client";
import { ARK, type Kind, member } from "../api/kinds";
import { objectKey, useObject } from "../api/object";
import type { Obj } from "../api/types";
import { useKind, useRights, useSession } from "../app/context";
import { plural } from "../app/layout";
import { pageOf } from "../app/pages";
import { failed, toast } from "../app/toast";
import { objectRoute } from "../routes";
import { Badge } from "../ui/badge";
import { CommandLine, shell } from "../ui/copy";
import { Confirm } from "../ui/dialog";
import { Icon } from "../ui/icons";
import { Empty, Failure, Loading } from "../ui/states";
import { Age } from "../ui/time";
import { Overview } from "./object-overview";

const YamlTab = lazy(() => import("./object-yaml").then((m) => ({ default: m.YamlTab })));
const HistoryTab = lazy(() => import("./object-history").then((m) => ({ default: m.HistoryTab })));

export function ObjectScreen() {
  const { resource, ns, name } = objectRoute.useParams();
  const kind = useKind(resource);
  if (!kind) return <Empty title={`The server has no ${resource}`} />;
  const namespace = ns === "-" ? undefined : ns;
  return <ObjectPage key={`${kind.id}/${ns}/${name}`} kind={kind} namespace={namespace} name={name} />;
}

function ObjectPage({ kind, namespace, name }: { kind: Kind; namespace: string | undefined; name: string }) {
  const { tab = "overview", from, to } = objectRoute.useSearch();
  const session = useSession();
  const { data: object, error, refetch } = useObject(kind, namespace, name);
  const hasHistory = session.features.history && kind.group === ARK;
  const tabs = [
    { id: "overview", label: "Overview" },
    { id: "yaml", label: "YAML" },
    ...(hasHistory ? [{ id: "history", label: "History" }] : []),
  ];
  const ref = `${kind.group ? `${kind.resource}.${kind.group}` : kind.resource}/${name}`;
  const where = namespace ? ` -n ${shell(namespace)}` : "";
  const short = `${kind.resource === "queries" ? "query" : kind.kind.toLowerCase()}/${name}`;
  const lines = tab === "history" ? [`kubectl ark history ${shell(short)}${where}`, `kubectl ark diff ${shell(short)}${where}`, `kubectl get --raw ${shell(`${member(kind, namespace, name)}/history`)}`] : [`kubectl get ${shell(ref)}${where} -o yaml`, ...(tab === "yaml" ? [`kubectl edit ${shell(ref)}${where}`] : [`kubectl describe ${shell(ref)}${where}`])];
  const gone = error instanceof ApiError && error.notFound;
  return (
    <div className="page">
      <nav className="crumbs" aria-label="Where this is">
        <Link to="/list/$resource" params={{ resource: kind.id }}>
          {plural(kind.kind)}
        </Link>
        {namespace && (
          <>
            <span aria-hidden="true">/</span>
            <Link to="/list/$resource" params={{ resource: kind.id }} search={{ namespace }}>
              {namespace}
            </Link>
          </>
        )}
      </nav>
      <header>
        <h1 className="plain">{name}</h1>
        {object && <Status object={object} />}
        <div className="row right">
          {object && kind.group === ARK && kind.resource === "queries" && (
            <Link className="button" {...pageOf(kind, namespace ?? "", name)}>
              Answer and steps
            </Link>
          )}
          <CommandLine lines={lines} />
          {object && <Delete kind={kind} object={object} />}
        </div>
      </header>
      {error && !gone && <Failure error={error} retry={() => void refetch()} what={`${kind.kind} ${name} cannot be read`} />}
      {gone && (
        <div className="notice warn">
          <span className="grow">There is no {kind.kind} with this name: it was deleted, or never made.</span>
          {hasHistory && (
            <Link to="/trash" search={{ namespace }}>
              Look into the trash
            </Link>
          )}
        </div>
      )}
      <nav className="tabs" aria-label="About this object">
        {tabs.map((t) => (
          <Link key={t.id} to="." search={(s) => ({ ...s, tab: t.id === "overview" ? undefined : t.id, from: undefined, to: undefined })} activeOptions={{ includeSearch: true, explicitUndefined: true }} className={t.id === tab ? "here" : ""}>
            {t.label}
          </Link>
        ))}
      </nav>
      <Suspense fallback={<Loading />}>
        {tab === "history" && hasHistory ? (
          <HistoryTab kind={kind} namespace={namespace} name={name} from={from} to={to} current={object} />
        ) : !object ? (
          !error && <Loading />
        ) : tab === "yaml" ? (
          <YamlTab kind={kind} object={object} />
        ) : (
          <Overview kind={kind} object={object} />
        )}
      </Suspense>
    </div>
  );
}

function Status({ object }: { object: Obj }) {
  const phase = object.status?.["phase"];
  const ready = (object.status?.["conditions"] as { type: string; status: string }[] | undefined)?.find?.((c) => ["Ready", "Available", "ModelAvailable"].includes(c.type));
  return (
    <>
      {typeof phase === "string" && phase && <Badge text={phase} />}
      {ready && <Badge text={ready.status === "True" ? ready.type : `Not ${ready.type.toLowerCase()}`} tone={ready.status === "True" ? "good" : "bad"} />}
      {object.metadata.deletionTimestamp && <Badge text="Terminating" tone="warn" />}
      <span className="dim small">
        <Age time={object.metadata.creationTimestamp} /> old
      </span>
    </>
  );
}

function Delete({ kind, object }: { kind: Kind; object: Obj }) {
  const { namespace, name, uid } = object.metadata;
  const rights = useRights(namespace);
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  if (!kind.verbs.includes("delete") || !rights.may("delete", kind.group, kind.resource, name)) return null;
  return (
    <>
      <button type="button" className="button danger" onClick={() => setOpen(true)}>
        <Icon name="trash" /> Delete
      </button>
      {open && (
        <Confirm
          title={`Delete ${kind.kind} ${name}?`}
          action="Delete"
          busy={busy}
          onClose={() => setOpen(false)}
          onConfirm={() => {
            setBusy(true);
            send(member(kind, namespace, name), { method: "DELETE", body: { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid }, propagationPolicy: "Background" } })
              .then(() => {
                toast(`${name} was deleted`, "good");
                queries.removeQueries({ queryKey: objectKey(kind, namespace, name) });
                void navigate({ to: "/list/$resource", params: { resource: kind.id } });
              })
              .catch(failed)
              .finally(() => (setBusy(false), setOpen(false)));
          }}
        >
          <p>{kind.group === ARK ? "It stays in the trash, with its history, as long as the retention says." : "This cannot be taken back."}</p>
        </Confirm>
      )}
    </>
  );
}
