// Markdown of agents, sanitised: what is left has no scripts, styles, forms, frames, images, and no addresses but https, http
// and mailto. It is a chunk of its own.
import createDOMPurify from "dompurify";
import { Marked } from "marked";
import { useEffect, useRef } from "react";

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const marked = new Marked({
  gfm: true,
  breaks: true,
  async: false,
  renderer: {
    // HTML is shown as what it is, and images as links: nothing is loaded that nobody has asked for.
    html: ({ text }) => escape(text),
    image: ({ href, text }) => `<a href="${escape(href)}">${escape(text || href)}</a>`,
  },
});
const purify = createDOMPurify(window);
const tags = ["a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "li", "ol", "p", "pre", "s", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul"];

purify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("rel", "noopener noreferrer nofollow");
  node.setAttribute("target", "_blank");
  // Where a link leads is not what its text says.
  const href = node.getAttribute("href");
  if (href) node.setAttribute("title", href);
});

/** Characters that turn the direction of a text hide what it says; they are shown instead. */
export const shown = (text: string): string => text.replaceAll(/[\u202a-\u202e\u2066-\u2069\u061c\u200e\u200f]/g, "\u{fffd}");

function fragment(text: string): DocumentFragment {
  const clean = purify.sanitize(marked.parse(shown(text)) as string, {
    ALLOWED_TAGS: tags,
    ALLOWED_ATTR: ["href", "start"],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
  // Headings of a message are not those of the page.
  for (const heading of clean.querySelectorAll("h1,h2,h3,h4,h5,h6")) {
    const p = document.createElement("p");
    p.className = "heading";
    p.append(...heading.childNodes);
    heading.replaceWith(p);
  }
  for (const box of clean.querySelectorAll("pre, table")) box.setAttribute("tabindex", "0");
  return clean;
}

const limit = 200_000;

/** A text in Markdown. Longer ones than anybody reads are shown as they are. */
export default function Markdown({ text }: { text: string }) {
  const box = useRef<HTMLDivElement>(null);
  const plain = text.length > limit;
  useEffect(() => {
    if (!plain) box.current?.replaceChildren(fragment(text));
  }, [text, plain]);
  return plain ? <pre className="plain">{shown(text)}</pre> : <div ref={box} className="markdown plain" />;
}
