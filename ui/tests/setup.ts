// What jsdom lacks, and matchers for the stories.
import "@testing-library/jest-dom/vitest";
import { configure } from "@testing-library/svelte";
import { afterEach } from "vitest";
import { toasts } from "../src/state/toasts.svelte";

// What does not come is given up on; when it comes depends on how busy the machine is.
configure({ asyncUtilTimeout: 20_000 });

// jsdom lays nothing out: every element is a window's size, which is enough for the list to draw rows.
Object.defineProperties(HTMLElement.prototype, {
  offsetHeight: { configurable: true, get: () => 600 },
  offsetWidth: { configurable: true, get: () => 900 },
});
Element.prototype.scrollTo = () => {};
Element.prototype.scrollIntoView = () => {};
globalThis.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
};
window.matchMedia = (query) =>
  ({
    matches: query.includes("min-width"),
    media: query,
    addEventListener() {},
    removeEventListener() {},
  }) as never;

afterEach(() => {
  for (const { key } of toasts.shown) toasts.dismiss(key);
  localStorage.clear();
});
