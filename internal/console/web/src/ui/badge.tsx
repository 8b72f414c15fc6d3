const tones: Record<string, string> = {
  done: "good", ready: "good", running: "info", available: "good", true: "good", healthy: "good", active: "good", succeeded: "good", online: "good", ok: "good",
  error: "bad", failed: "bad", canceled: "warn", cancelled: "warn", false: "bad", unavailable: "bad", denied: "bad", unhealthy: "bad",
  pending: "info", waiting: "warn", queued: "info", provisioning: "info", "input-required": "warn", unknown: "warn", terminating: "warn",
};

/** The tone of a phase or a status. */
export const toneOf = (text: string) => tones[text.toLowerCase()] ?? "";

export function Badge({ text, tone }: { text: string; tone?: "good" | "bad" | "warn" | "info" | "" }) {
  return (
    <span className={`badge ${tone ?? toneOf(text)}`}>
      <span className="ellipsis plain">{text}</span>
    </span>
  );
}
