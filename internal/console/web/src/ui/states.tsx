import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { Icon } from "./icons";

export function Loading({ what = "Loading" }: { what?: string }) {
  return (
    <div className="empty" role="status">
      <div className="spinner" aria-hidden="true" />
      <span>{what}…</span>
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** What went wrong, in the server's words, and what to do. */
export function Failure({ error, retry, what }: { error: unknown; retry?: () => void; what?: string }) {
  const message = error instanceof Error ? error.message : String(error);
  const forbidden = error instanceof ApiError && error.forbidden;
  return (
    <div className="notice bad" role="alert">
      <Icon name={forbidden ? "shield" : "close"} />
      <div className="stack grow" style={{ gap: 4 }}>
        {what && <strong>{what}</strong>}
        <span className="plain">{message}</span>
        {error instanceof ApiError && error.causes.length > 0 && (
          <ul>
            {error.causes.map((c, i) => (
              <li key={i} className="plain">
                {c.field ? <code>{c.field}</code> : null} {c.message}
              </li>
            ))}
          </ul>
        )}
      </div>
      {retry && !forbidden && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}
