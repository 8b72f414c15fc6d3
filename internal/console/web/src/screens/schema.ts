// Completion of field names from the server's OpenAPI, for the YAML editor.
import { autocompletion, type CompletionContext, type CompletionResult, completionKeymap } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";
import { keymap } from "@codemirror/view";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask } from "../api/client";
import type { Kind } from "../api/kinds";

interface Schema {
  $ref?: string;
  allOf?: Schema[];
  description?: string;
  type?: string;
  enum?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  "x-kubernetes-group-version-kind"?: { group: string; version: string; kind: string }[];
}

interface Document {
  components: { schemas: Record<string, Schema> };
}

/** Follows references to a schema with properties. */
function resolve(doc: Document, schema: Schema | undefined): Schema | undefined {
  for (let i = 0; schema && i < 10; i++) {
    const ref: string | undefined = schema.$ref ?? schema.allOf?.[0]?.$ref;
    if (!ref) return schema;
    schema = doc.components.schemas[ref.slice(ref.lastIndexOf("/") + 1)];
  }
  return schema;
}

/** The names of the fields around a place: by indentation, as YAML has it. */
export function pathAt(lines: string[], at: number, indent: number): string[] {
  const path: string[] = [];
  let below = indent;
  for (let i = at - 1; i >= 0 && below > 0; i--) {
    const match = /^(\s*(?:- +)*)([\w.-]+):/.exec(lines[i] ?? "");
    const here = match?.[1]?.length;
    if (match && here !== undefined && here < below) {
      path.unshift(match[2]!);
      below = here;
      // The dash of an item belongs to the field above it.
      if (match[1]!.includes("-")) below = match[1]!.indexOf("-") + 1;
    }
  }
  return path;
}

function complete(doc: Document, root: Schema, context: CompletionContext): CompletionResult | null {
  const line = context.state.doc.lineAt(context.pos);
  const before = line.text.slice(0, context.pos - line.from);
  const match = /^(\s*(?:- +)*)([\w.-]*)$/.exec(before);
  const value = /^(\s*(?:- +)*)([\w.-]+): *(\S*)$/.exec(before);
  if (!match && !value) return null;
  if (match && match[2] === "" && !context.explicit) return null;
  const found = (match ?? value)!;
  const lines = context.state.doc.toString().split("\n");
  let schema: Schema | undefined = root;
  for (const name of pathAt(lines, line.number - 1, found[1]!.length)) {
    let next: Schema | undefined = resolve(doc, schema)?.properties?.[name];
    next = resolve(doc, next);
    if (next?.items) next = resolve(doc, next.items);
    schema = next;
  }
  const properties = resolve(doc, schema)?.properties;
  if (!properties) return null;
  if (value) {
    const of = resolve(doc, properties[value[2]!]);
    const options = of?.enum ?? (of?.type === "boolean" ? ["true", "false"] : []);
    return options.length ? { from: context.pos - value[3]!.length, options: options.map((label) => ({ label, type: "enum" })) } : null;
  }
  return {
    from: context.pos - match![2]!.length,
    validFor: /^[\w.-]*$/,
    options: Object.entries(properties).map(([label, p]) => {
      const of = resolve(doc, p);
      return { label, type: "property", detail: of?.type ?? "", info: p.description ?? of?.description ?? "", apply: of?.type === "object" || of?.properties || of?.type === "array" ? `${label}:` : `${label}: ` };
    }),
  };
}

/** What completes the fields of a kind; nothing until the schema is there. */
export function useSchema(kind: Kind): Extension[] {
  const doc = useQuery({
    queryKey: ["openapi", kind.group, kind.version],
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
    queryFn: () => ask<Document>(kind.group ? `/openapi/v3/apis/${kind.group}/${kind.version}` : `/openapi/v3/api/${kind.version}`),
  }).data;
  return useMemo(
    () => [
      autocompletion({
        override: [
          (context) => {
            const root = doc && Object.values(doc.components.schemas).find((s) => s["x-kubernetes-group-version-kind"]?.some((g) => g.group === kind.group && g.version === kind.version && g.kind === kind.kind) && s.properties);
            return root ? complete(doc, root, context) : null;
          },
        ],
      }),
      keymap.of(completionKeymap),
    ],
    [doc, kind],
  );
}
