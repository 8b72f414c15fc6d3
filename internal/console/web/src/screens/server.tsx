import { useQuery } from "@tanstack/react-query";
import { ApiError, ask, send } from "../api/client";
import { useRights, useSession } from "../app/context";
import { Badge } from "../ui/badge";
import { CommandLine } from "../ui/copy";
import { Fields } from "../ui/fields";
import { Failure, Loading } from "../ui/states";

interface Store {
  build?: { version: string; kubernetes: string; started: string };
  storage: string;
  revision: { shown: number; newest: number; compacted: number; pruned: number };
  replica: { shared: boolean; maintainer: boolean; behindSeconds: number };
  writes: { working: boolean; failures: number };
  reads: { working: boolean; failures: number };
  keys: number;
  logRows: number;
  queue: number;
  pools?: { name: string; max: number; open: number; inUse: number; waits: number; waitedSeconds: number }[];
  watches?: { eventsSent: number; open?: { key: string; lag: number }[] };
}

interface Check {
  name: string;
  ok: boolean;
}

/** The answer of /readyz?verbose: also where the server is not ready. */
export async function readiness(): Promise<Check[]> {
  const text = await send("/readyz?verbose", { accept: "text/plain" }).then(
    (r) => r.text(),
    (error: unknown) => {
      if (error instanceof ApiError && error.message.startsWith("[")) return error.message;
      throw error;
    },
  );
  return [...text.matchAll(/^\[([+-])\](\S+)/gm)].map((m) => ({ ok: m[1] === "+", name: m[2]! }));
}

/** The replica that answers, and its storage. */
export function Server() {
  const session = useSession();
  const rights = useRights(undefined);
  const ready = useQuery({ queryKey: ["readyz"], queryFn: readiness, refetchInterval: 10_000, retry: false });
  const maySee = rights.mayPath("get", "/debug/store");
  const store = useQuery({ queryKey: ["store"], queryFn: () => ask<Store>("/debug/store"), refetchInterval: 5_000, enabled: maySee && session.storage !== "etcd", retry: false });
  const s = store.data;
  return (
    <div className="page">
      <header>
        <h1>Server and storage</h1>
        <div className="row right">
          <CommandLine lines={["kubectl get --raw '/readyz?verbose'", "kubectl get --raw /debug/store", "ark-server status -o json"]} />
        </div>
      </header>
      <div className="grid">
        <section className="card">
          <h2>This replica</h2>
          <Fields value={{ version: session.version, mode: session.server, storage: s?.storage ?? session.storage, ...(s?.build ? { kubernetes: s.build.kubernetes, started: s.build.started } : {}), ...Object.fromEntries(Object.entries(session.features).map(([k, v]) => [k, v ? "on" : "off"])) }} />
        </section>
        <section className="card">
          <h2>Ready</h2>
          {ready.error ? (
            <Failure error={ready.error} />
          ) : ready.data ? (
            <>
              <Badge text={ready.data.every((c) => c.ok) ? "Ready" : "Not ready"} tone={ready.data.every((c) => c.ok) ? "good" : "bad"} />
              <ul className="small" style={{ columns: "180px", marginTop: 8 }}>
                {ready.data.map((c) => (
                  <li key={c.name} className={c.ok ? "dim plain" : "plain"}>
                    {c.ok ? "✓" : "✗"} {c.name.replace("poststarthook/", "")}
                  </li>
                ))}
              </ul>
            </>
          ) : (
            <Loading />
          )}
        </section>
        {s && (
          <section className="card">
            <h2>Storage</h2>
            <div className="row" style={{ marginBottom: 8 }}>
              <Badge text={s.writes.working ? "Writes work" : "Writes fail"} tone={s.writes.working ? "good" : "bad"} />
              <Badge text={s.reads.working ? "Reads work" : "Reads fail"} tone={s.reads.working ? "good" : "bad"} />
              {s.replica.maintainer && <Badge text="Maintainer" tone="info" />}
            </div>
            <Fields value={{ revision: s.revision.newest, "shown to watches": s.revision.shown, compacted: s.revision.compacted, objects: s.keys, "rows of the log": s.logRows, "waiting writes": s.queue, "seconds behind": s.replica.behindSeconds, "shared with other replicas": s.replica.shared ? "yes" : "no", "open watches": s.watches?.open?.length ?? 0, "events sent": s.watches?.eventsSent ?? 0 }} />
          </section>
        )}
      </div>
      {store.error && <Failure error={store.error} what="The storage's state cannot be read" />}
      {s?.pools && (
        <section className="card scroll-x">
          <h2>Connections</h2>
          <table className="data">
            <thead>
              <tr>
                <th>Pool</th>
                <th>In use</th>
                <th>Open</th>
                <th>Most</th>
                <th>Waits</th>
                <th>Waited</th>
              </tr>
            </thead>
            <tbody>
              {s.pools.map((p) => (
                <tr key={p.name}>
                  <td>{p.name}</td>
                  <td>{p.inUse}</td>
                  <td>{p.open}</td>
                  <td>{p.max}</td>
                  <td>{p.waits}</td>
                  <td>{p.waitedSeconds.toFixed(2)} s</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {rights.known && !maySee && <p className="dim">You may not read /debug/store: an administrator sees the storage here.</p>}
    </div>
  );
}
