import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError } from "../api/client";
import type { Kind } from "../api/kinds";
import { objectKey, write } from "../api/object";
import type { Obj } from "../api/types";
import { useRights } from "../app/context";
import { toast } from "../app/toast";
import { Dialog } from "../ui/dialog";
import { Diff, Editor } from "../ui/editor";
import { Failure } from "../ui/states";
import { fromYaml, toYaml } from "../ui/yaml";
import { useSchema } from "./schema";

/** The object as YAML. What is edited goes to the server as a dry run first, and is shown beside what is there. */
export function YamlTab({ kind, object }: { kind: Kind; object: Obj }) {
  const queries = useQueryClient();
  const rights = useRights(object.metadata.namespace);
  const editable = kind.verbs.includes("update") && rights.may("update", kind.group, kind.resource, object.metadata.name);
  const [base, setBase] = useState(object);
  const [draft, setDraft] = useState<string>();
  const [review, setReview] = useState<{ sent: Obj; result: Obj }>();
  const [failure, setFailure] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const schema = useSchema(kind);
  const current = toYaml(object);
  const changedBelow = draft !== undefined && base.metadata.resourceVersion !== object.metadata.resourceVersion;

  const edit = (text: string) => {
    if (draft === undefined) {
      if (text === current) return; // what the server has, not what is typed
      setBase(object);
    }
    setDraft(text);
    setFailure(undefined);
  };
  const discard = () => {
    setDraft(undefined);
    setBase(object);
    setFailure(undefined);
  };
  const dryRun = async () => {
    if (draft === undefined || busy) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const sent = fromYaml(draft);
      if (sent.metadata?.name !== object.metadata.name || (sent.metadata.namespace ?? "") !== (object.metadata.namespace ?? "")) throw new Error("the name and the namespace stay as they are: make a new object instead");
      sent.metadata.resourceVersion ??= base.metadata.resourceVersion;
      setReview({ sent, result: await write(kind, sent, { dryRun: true }) });
    } catch (error) {
      setFailure(error);
    }
    setBusy(false);
  };
  const save = async () => {
    if (!review) return;
    setBusy(true);
    try {
      const saved = await write(kind, review.sent, {});
      queries.setQueryData(objectKey(kind, object.metadata.namespace, object.metadata.name), saved);
      void queries.invalidateQueries({ queryKey: ["history", kind.id, object.metadata.namespace, object.metadata.name] });
      setBase(saved);
      setDraft(undefined);
      toast("Saved", "good");
    } catch (error) {
      setFailure(error);
    }
    setReview(undefined);
    setBusy(false);
  };
  return (
    <div className="stack">
      {failure !== undefined && <Failure error={failure} what={failure instanceof ApiError ? (failure.code === 409 ? "Somebody else has changed it" : "The server would not take this") : "This is no valid YAML"} />}
      {changedBelow && (
        <div className="notice warn" role="status">
          <span className="grow">The object has changed on the server since you began to edit.</span>
          <button type="button" className="button" onClick={discard}>
            Take the server's
          </button>
        </div>
      )}
      {editable ? <Editor label={`YAML of ${object.metadata.name}`} value={draft ?? current} onChange={edit} onSave={() => void dryRun()} extensions={schema} /> : <Editor label={`YAML of ${object.metadata.name}`} value={current} />}
      {editable && (
        <div className="row">
          <button type="button" className="button primary" disabled={draft === undefined} onClick={() => void dryRun()}>
            Review changes
          </button>
          <button type="button" className="button" disabled={draft === undefined} onClick={discard}>
            Discard
          </button>
          <span className="dim small right wide-only">
            <kbd>Ctrl S</kbd> review · <kbd>Ctrl Space</kbd> complete · <kbd>Esc</kbd> <kbd>Tab</kbd> leave
          </span>
        </div>
      )}
      {review && (
        <Dialog title="What would change" className="wide" onClose={() => setReview(undefined)}>
          <p className="dim">The server has checked this as a dry run. On the left is what is there, on the right what it would store.</p>
          <Diff before={current} after={toYaml(review.result)} label="Changes" />
          <footer>
            <button type="button" className="button" onClick={() => setReview(undefined)}>
              Back
            </button>
            <button type="button" className="button primary" disabled={busy} onClick={() => void save()} data-first>
              Save
            </button>
          </footer>
        </Dialog>
      )}
    </div>
  );
}
