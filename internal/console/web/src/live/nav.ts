import { ARK, RECORDS } from "../api/kinds";
import type { Entry } from "../app/nav";

/** The entries of the screens in live/routes.ts. */
export const liveEntries: Entry[] = [
  { group: "Look", label: "Chat", icon: "chat", to: "/chat", when: (s) => s.features.chat, allowed: (r) => ["agents", "teams", "models"].some((of) => r.may("create", ARK, `${of}/proxy`)), keywords: "talk ask conversation" },
  { group: "Look", label: "Search", icon: "search", to: "/search", when: (s) => s.features.readModel, allowed: (r) => r.may("create", RECORDS, "searches"), keywords: "find text" },
  { group: "Look", label: "Approvals", icon: "shield", to: "/approvals", allowed: (r) => r.may("list", ARK, "a2atasks"), keywords: "approve reject waiting input required" },
  { group: "Look", label: "SQL", icon: "database", to: "/sql", when: (s) => s.features.readModel, allowed: (r) => r.may("create", RECORDS, "sqlqueries"), keywords: "select query table chart csv" },
  { group: "Look", label: "Reports", icon: "chart", to: "/reports", when: (s) => s.features.readModel, allowed: (r) => r.may("list", RECORDS, "reports") && r.may("create", RECORDS, "sqlqueries"), keywords: "dashboard usage cost tokens" },
  { group: "Look", label: "Graph", icon: "graph", to: "/graph", keywords: "agents teams tools models uses tree" },
];
