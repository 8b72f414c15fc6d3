import { ApiError, send, url } from "./client";
import { lines, PerFrame, type WatchEvent } from "./stream";

export interface Watching<T> {
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  accept?: string;
  from: string;
  versionOf: (object: T) => string | undefined;
  /** Events in their order, gathered per frame. Bookmarks are not among them. */
  onEvents: (events: WatchEvent<T>[]) => void;
  /** The server no longer has what the watch would begin with: list again. */
  onExpired: () => void;
  onState?: (state: "live" | "waiting") => void;
}

const sleep = (ms: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/** Watches a collection until the returned function is called. It goes on after lost connections where it was. */
export function watch<T>(w: Watching<T>): () => void {
  const stop = new AbortController();
  let version = w.from;
  let expired = false;
  const events = new PerFrame<WatchEvent<T>>((batch) => w.onEvents(batch));

  const take = (line: string) => {
    const event = JSON.parse(line) as WatchEvent<T>;
    if (event.type === "ERROR") {
      expired = (event.object as { code?: number }).code === 410;
      throw new ApiError((event.object as { code?: number }).code ?? 500, (event.object as { message?: string }).message ?? "the watch failed");
    }
    version = w.versionOf(event.object) ?? version;
    if (event.type !== "BOOKMARK") events.add(event);
  };

  void (async () => {
    let failures = 0;
    while (!stop.signal.aborted) {
      try {
        const response = await send(url(w.path, { ...w.query, watch: 1, allowWatchBookmarks: "true", resourceVersion: version }), {
          accept: w.accept ?? "application/json",
          signal: stop.signal,
        });
        failures = 0;
        w.onState?.("live");
        await lines(response, take);
      } catch (error) {
        if (stop.signal.aborted) return;
        if (error instanceof ApiError && (error.code === 401 || error.code === 403)) return;
        if (expired || (error instanceof ApiError && error.code === 410)) {
          events.stop();
          w.onExpired();
          return;
        }
        failures++;
      }
      w.onState?.("waiting");
      await sleep(failures === 0 ? 50 : Math.min(500 * 2 ** failures, 15_000) * (0.75 + Math.random() / 2), stop.signal);
    }
  })();
  return () => {
    stop.abort();
    events.stop();
  };
}
