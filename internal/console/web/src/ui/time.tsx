import { useSyncExternalStore } from "react";

// One clock for all ages on the screen.
let now = Date.now();
const listeners = new Set<() => void>();
let timer = 0;
function subscribe(listener: () => void) {
  listeners.add(listener);
  if (!timer) {
    timer = window.setInterval(() => {
      now = Date.now();
      for (const l of listeners) l();
    }, 5000);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = 0;
    }
  };
}

/** Now, to five seconds. */
export const useNow = () => useSyncExternalStore(subscribe, () => now);

/** A duration as kubectl writes it: 3d4h, 5m, 12s. */
export function duration(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 120) return `${s}s`;
  const m = Math.floor(s / 60);
  if (m < 10 && s % 60) return `${m}m${s % 60}s`;
  if (m < 180) return `${m}m`;
  const h = Math.floor(m / 60);
  if (h < 8 && m % 60) return `${h}h${m % 60}m`;
  if (h < 48) return `${h}h`;
  const d = Math.floor(h / 24);
  if (d < 8 && h % 24) return `${d}d${h % 24}h`;
  if (d < 730) return `${d}d`;
  return `${Math.floor(d / 365)}y`;
}

export const exact = (time: string) => new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function Age({ time }: { time: string | undefined }) {
  const at = useNow();
  if (!time) return null;
  return (
    <time dateTime={time} title={exact(time)}>
      {duration(at - Date.parse(time))}
    </time>
  );
}
