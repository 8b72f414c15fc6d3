import type { Entry } from "../app/nav";

/** The entries of the screens in live/routes.ts. */
export const liveEntries: Entry[] = [
  { group: "Look", label: "Chat", icon: "chat", to: "/chat", when: (s) => s.features.chat, keywords: "talk ask conversation" },
  { group: "Look", label: "Search", icon: "search", to: "/search", when: (s) => s.features.readModel, keywords: "find text" },
  { group: "Look", label: "Approvals", icon: "shield", to: "/approvals", keywords: "approve reject waiting input required" },
  { group: "Look", label: "SQL", icon: "database", to: "/sql", when: (s) => s.features.readModel, keywords: "select query table chart csv" },
  { group: "Look", label: "Reports", icon: "chart", to: "/reports", when: (s) => s.features.readModel, keywords: "dashboard usage cost tokens" },
  { group: "Look", label: "Graph", icon: "graph", to: "/graph", keywords: "agents teams tools models uses tree" },
];
