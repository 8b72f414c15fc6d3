// Which screens there are. A screen adds its entry here and its route in routes.tsx.
import type { LinkProps } from "@tanstack/react-router";
import type { Session } from "../api/session";
import { liveEntries } from "../live/nav";
import type { IconName } from "../ui/icons";

export interface Entry {
  group: "Look" | "Resources" | "Records" | "Server";
  label: string;
  icon: IconName;
  to: LinkProps["to"];
  params?: Record<string, string>;
  /** Whether the server has what the screen is about; its rights are checked by the screen. */
  when?: (session: Session) => boolean;
  keywords?: string;
}

export const entries: Entry[] = [
  { group: "Look", label: "Home", icon: "home", to: "/", keywords: "overview health cost" },
  ...liveEntries,
  { group: "Records", label: "Trash", icon: "trash", to: "/trash", when: (s) => s.features.history, keywords: "deleted undelete restore" },
  { group: "Records", label: "Retention", icon: "clock", to: "/retention", when: (s) => s.features.history, keywords: "policies history keep" },
  { group: "Server", label: "Users and tokens", icon: "users", to: "/tokens", when: (s) => s.features.tokens, keywords: "access api keys" },
  { group: "Server", label: "Server and storage", icon: "server", to: "/server", keywords: "replicas readyz health database" },
];
