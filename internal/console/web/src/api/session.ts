import { ask, HEADER, proof, send } from "./client";

export interface Session {
  user: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
  server: "standalone" | "aggregated";
  version: string;
  storage: string;
  features: Record<"chat" | "engine" | "history" | "readModel" | "direct" | "tokens", boolean>;
}

const PATH = "/console/session";

/** Who is signed in; throws an ApiError with code 401 where nobody is. */
export const whoami = (): Promise<Session> => ask<Session>(PATH);

/** Signs in with a token of any kind that the server knows. */
export async function signIn(token: string): Promise<Session> {
  const made = await ask<Session & { proof: string }>(PATH, { method: "POST", body: { token }, headers: { [HEADER]: "sign-in" } });
  proof.set(made.proof);
  return made;
}

/** Signs in with the code that the issuer has given to this page. */
export async function signInByCode(code: string, verifier: string, nonce: string): Promise<void> {
  const made = await ask<Session & { proof: string }>(PATH, { method: "POST", body: { code, verifier, nonce }, headers: { [HEADER]: "sign-in" } });
  proof.set(made.proof);
}

/** Ends the session, on all replicas. */
export async function signOut(): Promise<void> {
  try {
    await send(PATH, { method: "DELETE" });
  } finally {
    proof.clear();
  }
}
