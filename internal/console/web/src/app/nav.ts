// Which screens there are. A screen adds its entry here and its route in routes.tsx.
import type { LinkProps } from "@tanstack/react-router";
import { RECORDS } from "../api/kinds";
import type { Session } from "../api/session";
import { liveEntries } from "../live/nav";
import type { IconName } from "../ui/icons";
import type { UserRights } from "./context";

export interface Entry {
  group: "Look" | "Resources" | "Records" | "Server";
  label: string;
  icon: IconName;
  to: LinkProps["to"];
  params?: Record<string, string>;
  /** Whether the server has what the screen is about. */
  when?: (session: Session) => boolean;
  /** Whether the user may see it: a screen without rights would show an error. */
  allowed?: (rights: UserRights) => boolean;
  keywords?: string;
}

export const entries: Entry[] = [
  { group: "Look", label: "Home", icon: "home", to: "/", keywords: "overview health cost" },
  ...liveEntries,
  { group: "Records", label: "Trash", icon: "trash", to: "/trash", when: (s) => s.features.history, allowed: (r) => r.may("list", RECORDS, "deletedobjects"), keywords: "deleted undelete restore" },
  { group: "Records", label: "Retention", icon: "clock", to: "/retention", when: (s) => s.features.history, allowed: (r) => r.may("list", RECORDS, "retentionpolicies"), keywords: "policies history keep" },
  { group: "Server", label: "Users and tokens", icon: "users", to: "/tokens", when: (s) => s.features.tokens, allowed: (r) => r.mayPath("get", "/ark/tokens"), keywords: "access api keys" },
  { group: "Server", label: "Server and storage", icon: "server", to: "/server", keywords: "replicas readyz health database" },
];
