// Unit tests; and stories, in jsdom, with a fake at the boundary that Tauri puts on `window`.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte()],
  // The schema of connection files is outside of ui/.
  server: { fs: { allow: [".."] } },
  test: {
    // Vitest would leave one core to itself, which has nothing to do once the files are compiled.
    maxWorkers: "100%",
    projects: [
      {
        extends: true,
        plugins: [svelteTesting({ autoCleanup: false })],
        test: { name: "unit", environment: "node", include: ["tests/unit/**/*.test.ts"] },
      },
      {
        extends: true,
        plugins: [svelteTesting()],
        test: {
          name: "stories",
          environment: "jsdom",
          include: ["tests/stories/**/*.test.ts"],
          setupFiles: ["tests/setup.ts"],
        },
      },
    ],
    // Ends what hangs; a busy machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});
