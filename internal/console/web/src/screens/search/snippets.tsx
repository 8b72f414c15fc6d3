export interface Snippet {
  field: string;
  text: string;
  /** Byte offsets in UTF-8. */
  matches?: { start: number; end: number }[];
}

/** A text in parts: what was found, and what is between. The offsets are those of bytes. */
export function parts(text: string, matches: { start: number; end: number }[] = []): { text: string; found: boolean }[] {
  const bytes = new TextEncoder().encode(text);
  const decoder = new TextDecoder();
  const out: { text: string; found: boolean }[] = [];
  let at = 0;
  for (const { start, end } of matches.toSorted((a, b) => a.start - b.start)) {
    if (start < at || end > bytes.length || end <= start) continue;
    if (start > at) out.push({ text: decoder.decode(bytes.subarray(at, start)), found: false });
    out.push({ text: decoder.decode(bytes.subarray(start, end)), found: true });
    at = end;
  }
  if (at < bytes.length) out.push({ text: decoder.decode(bytes.subarray(at)), found: false });
  return out;
}

export function Snippets({ snippets }: { snippets: Snippet[] }) {
  return snippets.map((s, i) => (
    <p key={i} className="snippet">
      <span className="dim small plain">{s.field}</span>{" "}
      <span className="plain">{parts(s.text, s.matches).map((p, j) => (p.found ? <mark key={j}>{p.text}</mark> : p.text))}</span>
    </p>
  ));
}
