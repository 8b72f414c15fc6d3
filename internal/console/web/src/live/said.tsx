import { lazy, Suspense } from "react";

const Markdown = lazy(() => import("./markdown"));

/** What an agent says. */
export function Said({ text }: { text: string }) {
  return (
    <Suspense fallback={<pre className="plain">{text}</pre>}>
      <Markdown text={text} />
    </Suspense>
  );
}
