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

// jsdom finds the labels of one field by asking every element in the document which field it labels, and the field of
// a label by its id in the same way: in a form, that was most of what the tests did. These say the same.
const labelables = new Set(["BUTTON", "INPUT", "METER", "OUTPUT", "PROGRESS", "SELECT", "TEXTAREA"]);
const canBeLabelled = (element: Element) =>
  labelables.has(element.tagName) && !(element instanceof HTMLInputElement && element.type === "hidden");
const labelled = (label: HTMLLabelElement): Element | null => {
  const id = label.getAttribute("for");
  if (id === null) return [...label.getElementsByTagName("*")].find(canBeLabelled) ?? null;
  const named = document.getElementById(id);
  return named && canBeLabelled(named) ? named : null;
};
Object.defineProperty(HTMLLabelElement.prototype, "control", {
  configurable: true,
  get(this: HTMLLabelElement) {
    return labelled(this);
  },
});
for (const { prototype } of [
  HTMLButtonElement,
  HTMLMeterElement,
  HTMLOutputElement,
  HTMLProgressElement,
  HTMLSelectElement,
  HTMLTextAreaElement,
  HTMLInputElement,
]) {
  Object.defineProperty(prototype, "labels", {
    configurable: true,
    get(this: HTMLElement) {
      if (!canBeLabelled(this)) return null;
      return [...document.getElementsByTagName("label")].filter((label) => labelled(label) === this);
    },
  });
}

afterEach(() => {
  for (const { key } of toasts.shown) toasts.dismiss(key);
  localStorage.clear();
});
