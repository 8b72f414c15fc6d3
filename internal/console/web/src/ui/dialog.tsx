import { type ReactNode, useLayoutEffect, useRef } from "react";

/** A modal dialog. The browser keeps the focus inside and returns it afterwards; it begins at what is marked by data-first. */
export function Dialog({ title, onClose, children, className = "", label }: { title?: string; label?: string; onClose: () => void; children: ReactNode; className?: string }) {
  const element = useRef<HTMLDialogElement>(null);
  // Closed while it is still in the document: else the focus would not return.
  useLayoutEffect(() => {
    const dialog = element.current;
    if (dialog && !dialog.open) {
      dialog.showModal();
      dialog.querySelector<HTMLElement>("[data-first]")?.focus();
    }
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      className={className}
      aria-label={title ?? label}
      onCancel={(e) => (e.preventDefault(), onClose())}
      onClick={(e) => e.target === e.currentTarget && onClose()}
      onKeyDown={(e) => e.key === "Escape" && (e.stopPropagation(), e.preventDefault(), onClose())}
    >
      {title ? (
        <div className="body">
          <h2>{title}</h2>
          {children}
        </div>
      ) : (
        children
      )}
    </dialog>
  );
}

/** Asks before something that cannot be taken back. */
export function Confirm({ title, children, action, onConfirm, onClose, busy }: { title: string; children: ReactNode; action: string; onConfirm: () => void; onClose: () => void; busy?: boolean }) {
  return (
    <Dialog title={title} onClose={onClose}>
      <div className="stack">{children}</div>
      <footer>
        <button type="button" className="button" onClick={onClose} data-first>
          Cancel
        </button>
        <button type="button" className="button primary danger" onClick={onConfirm} disabled={busy}>
          {action}
        </button>
      </footer>
    </Dialog>
  );
}
