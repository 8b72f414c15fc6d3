import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask, send } from "../api/client";
import { useRights } from "../app/context";
import { failed, toast } from "../app/toast";
import { CommandLine, Copy } from "../ui/copy";
import { Confirm, Dialog } from "../ui/dialog";
import { Empty, Failure, Loading } from "../ui/states";
import { Age, duration, exact, useNow } from "../ui/time";

const PATH = "/ark/tokens";

interface Token {
  id: string;
  user: string;
  groups?: string[];
  created: string;
  expires?: string;
  chat?: { namespace: string; targets?: string[] };
}

/** Who has tokens of this server. Their texts are shown once, when they are made. */
export function Tokens() {
  const rights = useRights(undefined);
  const queries = useQueryClient();
  const list = useQuery({ queryKey: ["tokens"], queryFn: () => ask<{ items: Token[] | null }>(PATH) });
  const [making, setMaking] = useState(false);
  const [made, setMade] = useState<Token & { token: string }>();
  const [revoking, setRevoking] = useState<Token>();
  const now = useNow();
  const again = () => queries.invalidateQueries({ queryKey: ["tokens"] });
  const tokens = (list.data?.items ?? []).toSorted((a, b) => a.user.localeCompare(b.user) || b.created.localeCompare(a.created));
  const users = new Set(tokens.map((t) => t.user)).size;
  return (
    <div className="page">
      <header>
        <h1>Users and tokens</h1>
        {list.data && (
          <span className="dim">
            {users} {users === 1 ? "user" : "users"}, {tokens.length} {tokens.length === 1 ? "token" : "tokens"}
          </span>
        )}
        <div className="row right">
          <CommandLine lines={["ark-server token list -o json", "ark-server token create --user=NAME --group=GROUP --ttl=24h", "ark-server token revoke ID"]} />
          {rights.mayPath("post", PATH) && (
            <button type="button" className="button primary" onClick={() => setMaking(true)}>
              New token
            </button>
          )}
        </div>
      </header>
      {list.error ? (
        <Failure error={list.error} retry={() => void list.refetch()} what="The tokens cannot be listed" />
      ) : list.isPending ? (
        <Loading />
      ) : tokens.length === 0 ? (
        <Empty title="Nobody has a token but the admin" />
      ) : (
        <section className="card scroll-x" style={{ padding: 0 }}>
          <table className="data">
            <thead>
              <tr>
                <th>User</th>
                <th>Groups</th>
                <th>For</th>
                <th>ID</th>
                <th>Age</th>
                <th>Expires</th>
                <th>
                  <span className="visually-hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {tokens.slice(0, 500).map((t) => (
                <tr key={t.id}>
                  <td className="plain">
                    <strong>{t.user}</strong>
                  </td>
                  <td className="plain">{t.groups?.join(", ") || <span className="dim">–</span>}</td>
                  <td className="plain">{t.chat ? `chat in ${t.chat.namespace}${t.chat.targets?.length ? `: ${t.chat.targets.join(", ")}` : ""}` : "all that the user may do"}</td>
                  <td className="mono">{t.id}</td>
                  <td>
                    <Age time={t.created} />
                  </td>
                  <td title={t.expires && exact(t.expires)}>{t.expires ? (Date.parse(t.expires) > now ? `in ${duration(Date.parse(t.expires) - now)}` : "expired") : "never"}</td>
                  <td>
                    {rights.mayPath("delete", `${PATH}/${t.id}`) && (
                      <button type="button" className="button danger" onClick={() => setRevoking(t)}>
                        Revoke<span className="visually-hidden"> {t.id}</span>
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {making && (
        <NewToken
          onClose={() => setMaking(false)}
          onMade={(t) => {
            setMaking(false);
            setMade(t);
            void again();
          }}
        />
      )}
      {made && (
        <Dialog title={`The token of ${made.user}`} onClose={() => setMade(undefined)}>
          <p>This is the only time it is shown: the server keeps a hash of it.</p>
          <div className="line">
            <pre className="grow">{made.token}</pre>
            <Copy text={made.token} label="Copy the token" />
          </div>
          <footer>
            <button type="button" className="button primary" onClick={() => setMade(undefined)}>
              Done
            </button>
          </footer>
        </Dialog>
      )}
      {revoking && (
        <Confirm
          title={`Revoke ${revoking.id} of ${revoking.user}?`}
          action="Revoke"
          onClose={() => setRevoking(undefined)}
          onConfirm={() => {
            send(`${PATH}/${encodeURIComponent(revoking.id)}`, { method: "DELETE" })
              .then(() => (toast("Revoked", "good"), again()))
              .catch(failed)
              .finally(() => setRevoking(undefined));
          }}
        >
          <p>Whoever holds it is signed out at once.</p>
        </Confirm>
      )}
    </div>
  );
}

function NewToken({ onClose, onMade }: { onClose: () => void; onMade: (t: Token & { token: string }) => void }) {
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  return (
    <Dialog label="New token" onClose={onClose}>
      <form
        onSubmit={(e) => {
          e.preventDefault();
          const data = new FormData(e.currentTarget);
          const groups = String(data.get("groups")).split(/[\s,]+/).filter(Boolean);
          setBusy(true);
          setFailure(undefined);
          ask<Token & { token: string }>(PATH, { method: "POST", body: { user: String(data.get("user")).trim(), ...(groups.length ? { groups } : {}), ttlSeconds: Number(data.get("ttl")) } })
            .then(onMade)
            .catch(setFailure)
            .finally(() => setBusy(false));
        }}
      >
        <h2>New token</h2>
        {failure !== undefined && <Failure error={failure} />}
        <label className="field">
          <span>User</span>
          <input className="input" name="user" required autoFocus autoComplete="off" />
        </label>
        <label className="field">
          <span>Groups, by commas</span>
          <input className="input" name="groups" autoComplete="off" />
        </label>
        <label className="field">
          <span>Good for</span>
          <select className="select" name="ttl" defaultValue="86400">
            <option value="3600">1 hour</option>
            <option value="86400">1 day</option>
            <option value="2592000">30 days</option>
            <option value="31536000">1 year</option>
            <option value="0">until it is revoked</option>
          </select>
        </label>
        <footer>
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={busy}>
            Make token
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
