import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The server embeds what lands in dist/built; names of assets have a hash of their content, so the server lets browsers keep
// them for good. Nothing is inlined: the server's Content-Security-Policy allows no inline script or style.
export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: "dist/built",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: false,
    cssCodeSplit: true,
  },
});
