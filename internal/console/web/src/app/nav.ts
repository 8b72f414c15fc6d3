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

export const entries: Entry[] = [{ group: "Look", label: "Home", icon: "home", to: "/", keywords: "overview health" }, ...liveEntries];
