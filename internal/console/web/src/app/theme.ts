import { useSyncExternalStore } from "react";

type Theme = "light" | "dark";
const KEY = "ark.console.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

const stored = () => localStorage.getItem(KEY) as Theme | null;
export const theme = (): Theme => stored() ?? (dark.matches ? "dark" : "light");

function apply() {
  document.documentElement.dataset["theme"] = theme();
  for (const l of listeners) l();
}

export function initTheme() {
  dark.addEventListener("change", apply);
  apply();
}

export function toggleTheme() {
  localStorage.setItem(KEY, theme() === "dark" ? "light" : "dark");
  apply();
}

export const useTheme = () => useSyncExternalStore((l) => (listeners.add(l), () => void listeners.delete(l)), theme);
