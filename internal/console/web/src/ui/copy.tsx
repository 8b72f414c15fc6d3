import { useState } from "react";
import { toast } from "../app/toast";
import { Dialog } from "./dialog";
import { Icon } from "./icons";

export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  return (
    <button
      type="button"
      className="button icon quiet"
      aria-label={label}
      title={label}
      onClick={() =>
        navigator.clipboard.writeText(text).then(
          () => toast("Copied", "good"),
          () => toast("The browser does not let this page copy: select the text and copy it", "bad"),
        )
      }
    >
      <Icon name="copy" />
    </button>
  );
}

/** A text in single quotes for a shell, where it needs them. */
export const shell = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** Shows the lines that do the same in a terminal. */
export function CommandLine({ lines }: { lines: string[] }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="button quiet" onClick={() => setOpen(true)} title="The same in a terminal">
        <Icon name="terminal" />
        <span className="wide-only">Command</span>
        <span className="visually-hidden">: the same in a terminal</span>
      </button>
      {open && (
        <Dialog title="The same in a terminal" onClose={() => setOpen(false)}>
          {lines.map((line) => (
            <div className="line" key={line}>
              <pre className="grow plain">{line}</pre>
              <Copy text={line} />
            </div>
          ))}
          <footer>
            <button type="button" className="button" onClick={() => setOpen(false)}>
              Close
            </button>
          </footer>
        </Dialog>
      )}
    </>
  );
}
