/** Gathers what arrives and hands it on once per frame, as PerFrame does; `end` hands on what is left at once. */
export class Gather<T> {
  private items: T[] = [];
  private timer = 0;
  constructor(private readonly each: (items: T[]) => void) {}
  add(item: T) {
    this.items.push(item);
    this.timer ||= window.setTimeout(this.end, document.hidden ? 1000 : 33);
  }
  end = () => {
    clearTimeout(this.timer);
    this.timer = 0;
    const items = this.items;
    this.items = [];
    if (items.length) this.each(items);
  };
  stop() {
    clearTimeout(this.timer);
    this.items = [];
  }
}
