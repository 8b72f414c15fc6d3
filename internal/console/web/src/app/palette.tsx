import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useDeferredValue, useMemo, useState } from "react";
import { ask, url } from "../api/client";
import { collection } from "../api/kinds";
import type { Table } from "../api/types";
import { Dialog } from "../ui/dialog";
import { Icon, type IconName } from "../ui/icons";
import { arkKinds, useKinds } from "./context";
import type { Entry } from "./nav";
import { toggleTheme } from "./theme";

interface Choice {
  id: string;
  label: string;
  hint: string;
  icon: IconName;
  go: () => void;
}

/** Reports whether all words are in a text, and how well: less is better. */
function rank(words: string[], text: string): number {
  let total = 0;
  for (const word of words) {
    const at = text.indexOf(word);
    if (at < 0) return -1;
    total += at === 0 ? 0 : /\W/.test(text[at - 1] ?? "") ? 1 : 3;
  }
  return total + text.length / 1000;
}

/** Everything by its name: screens, commands, and objects of Ark's kinds. */
export function Palette({ onClose, entries }: { onClose: () => void; entries: Entry[] }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const navigate = useNavigate();
  const { namespace } = useSearch({ strict: false }) as { namespace?: string };
  const kinds = useKinds();
  const wanted = useDeferredValue(text.trim().toLowerCase());
  // The few kinds that people name things by; queries are found by search.
  const named = arkKinds(kinds).filter((k) => !["queries", "evaluations", "executions", "a2atasks"].includes(k.resource));
  const objects = useQuery({
    queryKey: ["palette", namespace ?? ""],
    staleTime: 30_000,
    queryFn: async () => {
      const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
      const lists = await Promise.allSettled(named.map((k) => ask<Table>(url(collection(k, namespace), { limit: 500, includeObject: "Metadata" }), { accept })));
      return lists.flatMap((l, i) => (l.status === "fulfilled" ? l.value.rows.map((r) => ({ kind: named[i]!, meta: r.object.metadata })) : []));
    },
  }).data;

  const choices = useMemo(() => {
    const words = wanted.split(/\s+/).filter(Boolean);
    const all: { choice: Choice; rank: number }[] = [];
    const add = (choice: Choice, key: string, penalty: number) => {
      const r = rank(words, key.toLowerCase());
      if (r >= 0) all.push({ choice, rank: r + penalty });
    };
    for (const e of entries) {
      add({ id: `e ${e.label}`, label: e.label, hint: e.group === "Look" ? "" : e.group, icon: e.icon, go: () => void navigate({ to: e.to as "/", params: (e.params ?? {}) as never }) }, `${e.label} ${e.keywords ?? ""}`, 0);
    }
    add({ id: "theme", label: "Switch between light and dark", hint: "Command", icon: "moon", go: toggleTheme }, "switch theme light dark colours", 0.5);
    if (words.length > 0) {
      for (const { kind, meta } of objects ?? []) {
        add(
          {
            id: meta.uid,
            label: meta.name,
            hint: `${kind.kind}${namespace ? "" : ` in ${meta.namespace ?? ""}`}`,
            icon: "list",
            go: () => void navigate({ to: "/object/$resource/$ns/$name", params: { resource: kind.id, ns: meta.namespace ?? "-", name: meta.name } }),
          },
          `${meta.name} ${kind.kind} ${meta.namespace ?? ""}`,
          0.2,
        );
      }
    }
    return all
      .toSorted((a, b) => a.rank - b.rank)
      .slice(0, 50)
      .map((a) => a.choice);
  }, [entries, namespace, navigate, objects, wanted]);
  const chosen = Math.min(at, choices.length - 1);
  const take = (c: Choice | undefined) => {
    if (!c) return;
    onClose();
    c.go();
  };
  return (
    <Dialog label="Go to" onClose={onClose} className="palette">
      <input
        autoFocus
        placeholder="Go to a screen, an object, a command"
        aria-label="Go to"
        role="combobox"
        aria-expanded="true"
        aria-controls="choices"
        aria-activedescendant={choices[chosen] ? `choice-${chosen}` : undefined}
        value={text}
        onChange={(e) => (setText(e.target.value), setAt(0))}
        onKeyDown={(e) => {
          if (e.key === "ArrowDown" || e.key === "ArrowUp") {
            e.preventDefault();
            const next = (chosen + (e.key === "ArrowDown" ? 1 : -1) + choices.length) % Math.max(1, choices.length);
            setAt(next);
            document.getElementById(`choice-${next}`)?.scrollIntoView({ block: "nearest" });
          } else if (e.key === "Enter") {
            e.preventDefault();
            take(choices[chosen]);
          }
        }}
      />
      <ul id="choices" role="listbox" aria-label="Choices">
        {choices.map((c, i) => (
          // oxlint-disable-next-line jsx-a11y/click-events-have-key-events -- the input has the keys of the list
          <li key={c.id} id={`choice-${i}`} role="option" aria-selected={i === chosen} tabIndex={-1} onClick={() => take(c)} onPointerMove={() => i !== chosen && setAt(i)}>
            <Icon name={c.icon} />
            <span className="ellipsis plain">{c.label}</span>
            <span className="dim small">{c.hint}</span>
          </li>
        ))}
      </ul>
      {choices.length === 0 && <p className="dim" style={{ padding: "10px 16px" }}>Nothing has that name.</p>}
    </Dialog>
  );
}
