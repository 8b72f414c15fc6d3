// Signing in at an OpenID Connect issuer: the page sends its user there, and comes back with a code, which the server exchanges.
// The page itself never has the token. State, verifier and nonce are those of RFC 6749, RFC 7636 and OpenID Connect.
import { ask } from "./client";
import { signInByCode } from "./session";

export interface Issuer {
  name?: string;
  authorize?: string;
  clientID?: string;
  scope?: string;
  returnPath?: string;
}

const PENDING = "ark.console.signing-in";

interface Pending {
  state: string;
  verifier: string;
  nonce: string;
  back: string;
}

/** The issuer at which users sign in; without a name there is none. */
export const issuer = (): Promise<Issuer> => ask<Issuer>("/console/session/issuer");

const encode = (bytes: Uint8Array) => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => encode(crypto.getRandomValues(new Uint8Array(32)));

/** Leaves for the issuer. After it, the user is where they are now. */
export async function leaveFor(at: Issuer): Promise<void> {
  const pending: Pending = { state: random(), verifier: random(), nonce: random(), back: location.pathname + location.search };
  const challenge = encode(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier))));
  sessionStorage.setItem(PENDING, JSON.stringify(pending));
  const to = new URL(at.authorize ?? "");
  for (const [name, value] of Object.entries({
    response_type: "code",
    client_id: at.clientID ?? "",
    redirect_uri: location.origin + (at.returnPath ?? ""),
    scope: at.scope ?? "openid",
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: challenge,
    code_challenge_method: "S256",
  }))
    to.searchParams.set(name, value);
  location.assign(to);
}

/** Reports whether the address is what the issuer sends its users back to. */
export const isReturn = (): boolean => location.pathname === "/console/signed-in";

/** Signs in with what the issuer has put into the address, and goes to where the user was. */
export async function finish(): Promise<never> {
  const given = new URLSearchParams(location.search);
  history.replaceState(null, "", "/console/"); // a code belongs into no history
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null") as Pending | null;
  sessionStorage.removeItem(PENDING);
  if (!pending || given.get("state") !== pending.state) throw new Error("This sign-in was not begun in this window. Sign in again.");
  history.replaceState(null, "", pending.back);
  const failure = given.get("error");
  if (failure) throw new Error(`The issuer says: ${(given.get("error_description") ?? failure).slice(0, 300)}`);
  await signInByCode(given.get("code") ?? "", pending.verifier, pending.nonce);
  location.reload();
  return new Promise(() => {}); // until the page is there anew
}
