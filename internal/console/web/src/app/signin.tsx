import { useEffect, useState } from "react";
import { type Issuer, issuer, leaveFor } from "../api/issuer";
import { type Session, signIn } from "../api/session";
import { Logo } from "../ui/icons";
import { Failure } from "../ui/states";

/** Asks for a token. The address stays what it was, so that a link leads there once you are signed in. */
export function SignIn({ ended, error, onSignedIn }: { ended: boolean; error: unknown; onSignedIn: (s: Session) => void }) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(error);
  const [at, setAt] = useState<Issuer>({});
  useEffect(() => {
    issuer().then(setAt, () => {}); // a token is enough
  }, []);
  return (
    <main className="login">
      <form
        className="card"
        onSubmit={(e) => {
          e.preventDefault();
          setBusy(true);
          setFailure(undefined);
          signIn(token).then(onSignedIn, (error: unknown) => {
            setFailure(error);
            setBusy(false);
          });
        }}
      >
        <h1 className="brand">
          <Logo />
          Ark
        </h1>
        {ended && !failure && (
          <div className="notice warn" role="status">
            Your session has ended. Sign in again to go on where you were.
          </div>
        )}
        {failure !== undefined && <Failure error={failure} />}
        {at.name && (
          <button
            type="button"
            className="button primary"
            disabled={busy}
            onClick={() => {
              setBusy(true);
              leaveFor(at).catch((error: unknown) => (setFailure(error), setBusy(false)));
            }}
          >
            Sign in at <span className="plain">{at.name}</span>
          </button>
        )}
        <label className="field">
          <span>Token</span>
          <input className="input" name="token" type="password" autoComplete="current-password" spellCheck={false} required autoFocus value={token} onChange={(e) => setToken(e.target.value)} />
        </label>
        <button type="submit" className={at.name ? "button" : "button primary"} disabled={busy || !token.trim()}>
          {busy ? "Signing in…" : at.name ? "Sign in with the token" : "Sign in"}
        </button>
        <details className="small dim">
          <summary>Where do I get a token?</summary>
          <p>
            Standalone: <code>ark-server token create --user=NAME</code>, or the admin's, by <code>ark-server kubeconfig</code>. In a cluster: <code>kubectl create token ACCOUNT</code>. Where the server knows an OIDC issuer, an ID token of it.
          </p>
        </details>
      </form>
    </main>
  );
}
