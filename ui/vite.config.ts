// How the pages are built: index.html is the console, bar.html the session bar, quick.html the quick window.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  clearScreen: false,
  server: { port: 1420, strictPort: true, host: "127.0.0.1" },
  build: {
    // The oldest engines with light-dark(): macOS's WKWebView of Safari 17.5; WebView2 and WebKitGTK are newer.
    target: ["safari17.5", "chrome123"],
    outDir: "dist",
    emptyOutDir: true,
    // No data: URLs, so that the content security policy stays at 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
    rolldownOptions: { input: { console: "index.html", bar: "bar.html", quick: "quick.html" } },
  },
});
