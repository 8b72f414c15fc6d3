// Requests of the server, with the session's proof; errors as the API's Status says them.

const PROOF = "ark.console.proof";
export const HEADER = "X-Ark-Console";

/** The session's proof: without it the cookie opens nothing. It is this origin's alone. */
export const proof = {
  get: (): string => localStorage.getItem(PROOF) ?? "",
  set: (value: string) => localStorage.setItem(PROOF, value),
  clear: () => localStorage.removeItem(PROOF),
};

/** An answer that is no success. */
export class ApiError extends Error {
  constructor(
    readonly code: number,
    message: string,
    readonly reason = "",
    readonly causes: { field?: string; message?: string }[] = [],
  ) {
    super(message);
    this.name = "ApiError";
  }
  get forbidden() {
    return this.code === 403;
  }
  get notFound() {
    return this.code === 404;
  }
}

type Listener = () => void;
const endings = new Set<Listener>();

/** Calls a function when the server no longer knows the session. */
export function onSessionEnd(listener: Listener): () => void {
  endings.add(listener);
  return () => endings.delete(listener);
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => "");
  try {
    const status = JSON.parse(text) as { message?: string; reason?: string; details?: { causes?: { field?: string; message?: string }[] } };
    if (status.message) return new ApiError(response.status, status.message, status.reason, status.details?.causes);
  } catch {
    // not a Status
  }
  return new ApiError(response.status, text.trim().slice(0, 500) || `the server answered ${response.status}`);
}

export interface Asking {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON unless it is a text. */
  body?: unknown;
  type?: string;
  accept?: string;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** Sends a request and returns the answer, or throws an ApiError. */
export async function send(path: string, { method = "GET", body, type, accept = "application/json", signal, headers = {} }: Asking = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      headers: {
        Accept: accept,
        [HEADER]: proof.get() || "none",
        ...(body === undefined ? {} : { "Content-Type": type ?? "application/json" }),
        ...headers,
      },
      body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "the server does not answer");
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.code === 401) for (const listener of endings) listener();
  throw error;
}

/** Sends a request and returns the JSON of the answer. */
export async function ask<T>(path: string, asking?: Asking): Promise<T> {
  return (await send(path, asking)).json() as Promise<T>;
}

/** A path with a query; empty values are left out. */
export function url(path: string, query: Record<string, string | number | boolean | undefined> = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== "" && value !== false) parameters.set(name, String(value));
  const text = parameters.toString();
  return text ? `${path}?${text}` : path;
}
