// Lines of a response as they arrive.

/** Calls a function with each line of a response. It returns when the response ends; aborting the request ends it. */
export async function lines(response: Response, each: (line: string) => void): Promise<void> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    rest += value;
    let at: number;
    while ((at = rest.indexOf("\n")) >= 0) {
      const line = rest.slice(0, at);
      rest = rest.slice(at + 1);
      if (line) each(line);
    }
  }
  if (rest) each(rest);
}

/** Gathers what arrives, and hands it on once per frame; once a second while the page is hidden. */
export class PerFrame<T> {
  private gathered: T[] = [];
  private frame = 0;
  private timer = 0;
  constructor(private readonly each: (items: T[]) => void) {}
  add(item: T) {
    this.gathered.push(item);
    if (this.frame || this.timer) return;
    if (document.hidden) this.timer = window.setTimeout(this.flush, 1000);
    else this.frame = requestAnimationFrame(this.flush);
  }
  private flush = () => {
    this.frame = this.timer = 0;
    const items = this.gathered;
    this.gathered = [];
    if (items.length) this.each(items);
  };
  stop() {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.gathered = [];
  }
}

export interface WatchEvent<T> {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: T;
}
