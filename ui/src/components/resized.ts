// Tells an element's size, padding included, once the engine has laid it out. Unlike `bind:clientHeight`, it does not
// ask for the size when the element is made, which would have the engine lay out the whole page at once.
import type { Attachment } from "svelte/attachments";

/** `anew`: when this changes, the size is told again even if it is the same. */
export function resized(
  tell: (size: { width: number; height: number }) => void,
  anew?: unknown,
): Attachment<Element> {
  void anew;
  return (node) => {
    const observer = new ResizeObserver((entries) => {
      const box = entries.at(-1)?.borderBoxSize[0];
      if (box) tell({ width: box.inlineSize, height: box.blockSize });
    });
    observer.observe(node, { box: "border-box" });
    return () => observer.disconnect();
  };
}
