import { useSyncExternalStore } from "react";
import { Icon } from "../ui/icons";

interface Toast {
  id: number;
  text: string;
  tone: "good" | "bad" | "";
}

let toasts: Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();
const change = (next: Toast[]) => {
  toasts = next;
  for (const l of listeners) l();
};
const dismiss = (id: number) => change(toasts.filter((t) => t.id !== id));

/** Says something in the corner. Failures stay until they are dismissed. */
export function toast(text: string, tone: Toast["tone"] = "") {
  const id = ++last;
  change([...toasts.slice(-3), { id, text, tone }]);
  if (tone !== "bad") setTimeout(() => dismiss(id), 5000);
}

/** Says what went wrong. */
export const failed = (error: unknown) => toast(error instanceof Error ? error.message : String(error), "bad");

const subscribe = (l: () => void) => (listeners.add(l), () => void listeners.delete(l));

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((t) => (
        <div key={t.id} className={`toast ${t.tone}`}>
          <span className="grow plain">{t.text}</span>
          <button type="button" className="button icon quiet" aria-label="Dismiss" onClick={() => dismiss(t.id)}>
            <Icon name="close" size={12} />
          </button>
        </div>
      ))}
    </div>
  );
}
