// CodeMirror in a shadow root: there it puts its styles into a style sheet object, which the Content-Security-Policy allows.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { defaultHighlightStyle, HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useLayoutEffect, useRef } from "react";
import { useTheme } from "../app/theme";

const darkHighlight = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "#8fb0ff" },
  { tag: tags.string, color: "#7fd6a0" },
  { tag: [tags.number, tags.bool, tags.null], color: "#eabf66" },
  { tag: tags.comment, color: "#a3adbf" },
  { tag: [tags.keyword, tags.punctuation], color: "#c3cbdb" },
]);

const look = (dark: boolean): Extension => [
  EditorView.theme(
    {
      "&": { backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "12.5px", height: "100%" },
      ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)" },
      ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
      ".cm-gutters": { backgroundColor: "var(--bg)", color: "var(--dim)", border: "0" },
      ".cm-activeLine, .cm-activeLineGutter": { backgroundColor: dark ? "rgb(255 255 255 / 4%)" : "rgb(20 40 90 / 4%)" },
      "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
      ".cm-cursor": { borderLeftColor: "var(--text)" },
      ".cm-panels": { backgroundColor: "var(--raised)", color: "var(--text)" },
      ".cm-deletedChunk, &.cm-merge-a .cm-changedLine": { backgroundColor: dark ? "rgb(255 120 110 / 9%)" : "rgb(210 40 30 / 9%)" },
      "&.cm-merge-b .cm-changedLine, .cm-insertedLine": { backgroundColor: dark ? "rgb(110 220 150 / 8%)" : "rgb(20 140 70 / 10%)" },
      // On dark colours a line below the text: a background would take the contrast from it.
      "&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": dark ? { background: "none", boxShadow: "inset 0 -2px rgb(255 120 110)" } : { background: "rgb(210 40 30 / 20%)" },
      "&.cm-merge-b .cm-changedText": dark ? { background: "none", boxShadow: "inset 0 -2px rgb(110 220 150)" } : { background: "rgb(20 140 70 / 22%)" },
      ".cm-collapsedLines": { background: "var(--sunken)", color: "var(--dim)", padding: "3px 10px" },
    },
    { dark },
  ),
  syntaxHighlighting(dark ? darkHighlight : defaultHighlightStyle),
];

const reading = (dark: boolean): Extension => [lineNumbers(), yaml(), look(dark), EditorView.lineWrapping, EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.contentAttributes.of({ tabindex: "0" }), search({ top: true }), keymap.of(searchKeymap)];

function useShadow(make: (root: ShadowRoot) => () => void, dependencies: unknown[]) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const root = host.current!.shadowRoot ?? host.current!.attachShadow({ mode: "open" });
    root.replaceChildren();
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(":host { display: block } .cm-editor, .cm-mergeView { height: 100% } .cm-mergeView { overflow: auto }");
    root.adoptedStyleSheets = [sheet];
    return make(root);
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- the caller says when to make it anew
  }, dependencies);
  return host;
}

export interface EditorProps {
  value: string;
  onChange?: (value: string) => void;
  onSave?: () => void;
  label: string;
  language?: Extension;
  extensions?: Extension[];
  className?: string;
}

/** A text to edit, or to read where there is no onChange. A new value from outside replaces it only if it differs. */
export function Editor({ value, onChange, onSave, label, language, extensions = [], className = "editor" }: EditorProps) {
  const dark = useTheme() === "dark";
  const view = useRef<EditorView>(null);
  const calls = useRef({ onChange, onSave });
  calls.current = { onChange, onSave };
  const text = useRef(value);
  const editable = onChange !== undefined;
  const host = useShadow(
    (root) => {
      const editor = new EditorView({
        root,
        parent: root,
        state: EditorState.create({
          doc: text.current,
          extensions: [
            keymap.of([{ key: "Mod-s", preventDefault: true, run: () => (calls.current.onSave?.(), true) }]),
            ...extensions,
            ...(editable ? [lineNumbers(), history(), drawSelection(), highlightActiveLine(), highlightSelectionMatches(), search({ top: true }), keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]), language ?? yaml(), look(dark), EditorView.lineWrapping] : [reading(dark)]),
            EditorView.contentAttributes.of({ "aria-label": label }),
            EditorView.updateListener.of((u) => {
              if (!u.docChanged) return;
              text.current = u.state.doc.toString();
              calls.current.onChange?.(text.current);
            }),
          ],
        }),
      });
      view.current = editor;
      return () => editor.destroy();
    },
    [dark, editable],
  );
  // In the commit itself: later, a key that was pressed since would be taken back.
  useLayoutEffect(() => {
    if (value === text.current) return;
    text.current = value;
    const editor = view.current;
    editor?.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } });
  }, [value]);
  return <div ref={host} className={className} />;
}

/** Two texts side by side, below each other on a narrow screen; what is the same is folded. */
export function Diff({ before, after, label }: { before: string; after: string; label: string }) {
  const dark = useTheme() === "dark";
  const host = useShadow(
    (root) => {
      const collapseUnchanged = { margin: 3, minSize: 6 };
      const named = EditorView.contentAttributes.of({ "aria-label": label });
      if (matchMedia("(max-width: 760px)").matches) {
        const view = new EditorView({ root, parent: root, doc: after, extensions: [reading(dark), named, unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged })] });
        return () => view.destroy();
      }
      const view = new MergeView({ root, parent: root, a: { doc: before, extensions: [reading(dark), EditorView.contentAttributes.of({ "aria-label": `${label}, before` })] }, b: { doc: after, extensions: [reading(dark), EditorView.contentAttributes.of({ "aria-label": `${label}, after` })] }, collapseUnchanged, gutter: true });
      return () => view.destroy();
    },
    [before, after, dark],
  );
  return <div ref={host} className="diff" />;
}
