// Icons, drawn here: 16 units, of the text's colour.
const paths = {
  home: "M2.5 7.5 8 3l5.5 4.5V13a.5.5 0 0 1-.5.5H9.5v-4h-3v4H3a.5.5 0 0 1-.5-.5z",
  list: "M5.5 4h8M5.5 8h8M5.5 12h8M2.5 4h.01M2.5 8h.01M2.5 12h.01",
  query: "M3 3.5h10v7H7l-3 2.5v-2.5H3z",
  agent: "M8 2v2M4 4.5h8v7H4zM6.3 7.3v1M9.7 7.3v1M2 7v2.5M14 7v2.5M5.5 14h5",
  model: "M8 2 13.5 5v6L8 14 2.5 11V5zM2.5 5 8 8l5.5-3M8 8v6",
  tool: "M9.8 2.8a3.2 3.2 0 0 0-3 4.3L2.5 11.4l2 2 4.4-4.3a3.2 3.2 0 0 0 4.2-4l-2 1.9-1.8-1.8z",
  team: "M6 7.5a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4M2 13c.3-2.300 1.800-3.600 4-3.600s3.700 1.300 4 3.600M10.500 3.300a2.200 2.200 0 0 1 0 4M11.500 9.600c1.500.400 2.300 1.600 2.500 3.400",
  search: "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9M10.300 10.300 14 14",
  trash: "M3 4.500h10M6.500 4.500v-2h3v2M4.500 4.500l.6 9h5.800l.6-9M6.700 7v4M9.300 7v4",
  clock: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12M8 4.500V8l2.500 1.500",
  users: "M8 8a2.700 2.700 0 1 0 0-5.400A2.700 2.700 0 0 0 8 8M2.700 14c.5-2.800 2.500-4.300 5.300-4.300s4.800 1.500 5.300 4.300",
  server: "M2.500 2.500h11v4.500h-11zM2.500 9h11v4.500h-11zM5 4.700h.01M5 11.200h.01",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M8 1.500v1M8 13.500v1M1.500 8h1M13.500 8h1M3.400 3.400l.7.7M11.900 11.900l.7.7M3.400 12.600l.7-.7M11.900 4.100l.7-.7",
  moon: "M13.500 9.500A5.800 5.800 0 0 1 6.500 2.500a5.800 5.800 0 1 0 7 7",
  menu: "M2.500 4.500h11M2.500 8h11M2.500 11.500h11",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.500 5.500v-3h8v8h-3M2.500 5.500h8v8h-8z",
  terminal: "M2 3h12v10H2zM4.500 6l2 2-2 2M8 10.500h3.500",
  out: "M6.500 2.500h-4v11h4M10 5l3 3-3 3M13 8H6",
  chat: "M2.500 3h11v8H8l-3.500 2.500V11h-2z",
  chart: "M2.500 2.500v11h11M5.500 11V8M8.500 11V5M11.500 11V7",
  graph: "M5.500 4.500a2 2 0 1 1-4 0 2 2 0 0 1 4 0M14.500 8a2 2 0 1 1-4 0 2 2 0 0 1 4 0M5.500 12a2 2 0 1 1-4 0 2 2 0 0 1 4 0M5.500 5 10.500 7.500M5.500 11.500 10.500 8.500",
  database: "M8 6.500c3 0 5.500-.9 5.500-2S11 2.500 8 2.500s-5.500.9-5.500 2 2.500 2 5.500 2M2.500 4.500v7c0 1.100 2.500 2 5.500 2s5.500-.9 5.500-2v-7M2.500 8c0 1.100 2.500 2 5.500 2s5.500-.9 5.500-2",
  shield: "M8 1.800 13 4v4c0 3-2 5-5 6.200C5 13 3 11 3 8V4z",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" fill="#2f5bd8" />
      <path d="M7 23 16 7l9 16M10.5 17h11" fill="none" stroke="#fff" strokeWidth="3" strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}
