// Unit tests and stories: jsdom, with a fake at the boundary that Tauri puts on `window`.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  // The schema of connection files is outside of ui/.
  server: { fs: { allow: [".."] } },
  test: {
    environment: "jsdom",
    include: ["tests/unit/**/*.test.ts", "tests/stories/**/*.test.ts"],
    setupFiles: ["tests/setup.ts"],
    // Ends what hangs; a busy machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
