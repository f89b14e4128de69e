// Pictures against the ones that are committed: what changed is judged by a person, who commits the new picture.
//
// Taken on Linux with script/bootstrap's Chromium and fonts, without hinting and subpixels, which differ between
// machines. `UPDATE_PICTURES=1` takes them anew.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Page } from "playwright-core";
import { expect } from "vitest";
import { OPENED } from "./browser";

const BASELINES = join(import.meta.dirname, "pictures");
const RESULTS = join(import.meta.dirname, "../../test-results");

/** Pixels that may differ: less than a word of small print, more than what two builds of a browser draw differently. */
const TOLERATED = 60;

export interface Difference {
  /** Pixels with nothing like them within one pixel of their place, in either picture. */
  pixels: number;
  /** A PNG of where they are. */
  picture: Buffer;
}

/** Compares two PNGs in the page's browser, which can read them. */
export async function compare(page: Page, before: Buffer, now: Buffer): Promise<Difference> {
  const found = await page.evaluate(
    async ([before, now]) => {
      /** Of red, green or blue: antialiasing shifts by less. */
      const ALIKE = 64;
      const read = async (base64: string) => {
        const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext("2d");
        if (!context) throw new Error("no canvas");
        context.drawImage(bitmap, 0, 0);
        return context.getImageData(0, 0, bitmap.width, bitmap.height);
      };
      const [a, b] = [await read(before ?? ""), await read(now ?? "")];
      const [width, height] = [Math.max(a.width, b.width), Math.max(a.height, b.height)];
      const at = (image: ImageData, x: number, y: number) =>
        x < 0 || y < 0 || x >= image.width || y >= image.height ? -1 : (y * image.width + x) * 4;
      const alike = (one: number, other: number) =>
        one >= 0 &&
        other >= 0 &&
        [0, 1, 2].every((c) => Math.abs((a.data[one + c] ?? 0) - (b.data[other + c] ?? 0)) < ALIKE);
      const near = [-1, 0, 1].flatMap((y) => [-1, 0, 1].map((x) => [x, y] as const));
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      if (!context) throw new Error("no canvas");
      context.putImageData(b, 0, 0);
      context.fillStyle = "rgb(255 255 255 / 0.75)";
      context.fillRect(0, 0, width, height);
      context.fillStyle = "rgb(230 0 60)";
      let pixels = 0;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const [one, other] = [at(a, x, y), at(b, x, y)];
          if (alike(one, other)) continue;
          const isMoved =
            near.some(([dx, dy]) => alike(one, at(b, x + dx, y + dy))) &&
            near.some(([dx, dy]) => alike(at(a, x + dx, y + dy), other));
          if (isMoved) continue;
          pixels++;
          context.fillRect(x, y, 1, 1);
        }
      }
      const png = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
      let text = "";
      for (const byte of png) text += String.fromCharCode(byte);
      return { pixels, picture: btoa(text) };
    },
    [before.toString("base64"), now.toString("base64")],
  );
  return { pixels: found.pixels, picture: Buffer.from(found.picture, "base64") };
}

/** Fails where the page does not look as it did, and leaves a picture of the difference. */
export async function expectUnchanged(page: Page, name: string): Promise<void> {
  if (process.platform !== "linux") return;
  // The system's font for code is not among those that are installed for the tests.
  await page.evaluate(() => document.documentElement.style.setProperty("--mono", "var(--font)"));
  // However long it took to get here, it is a minute after the page was opened, and what ticks has ticked.
  await page.clock.pauseAt(new Date(Date.parse(OPENED) + 60_000));
  await page.clock.runFor(1000);
  const now = await page.screenshot({ animations: "disabled", caret: "hide", scale: "css" });
  const baseline = join(BASELINES, `${name}.png`);
  if (process.env["UPDATE_PICTURES"]) {
    await mkdir(dirname(baseline), { recursive: true });
    await writeFile(baseline, now);
    return;
  }
  const before = await readFile(baseline).catch(() => null);
  if (before === null) throw new Error(`${baseline} is missing. UPDATE_PICTURES=1 takes it.`);
  const { pixels, picture } = await compare(page, before, now);
  const difference = join(RESULTS, `${name}.difference.png`);
  if (pixels > TOLERATED) {
    await mkdir(RESULTS, { recursive: true });
    await writeFile(difference, picture);
    await writeFile(join(RESULTS, `${name}.now.png`), now);
  }
  expect(pixels, `see ${difference}; if it is meant, UPDATE_PICTURES=1 takes it anew`).toBeLessThanOrEqual(
    TOLERATED,
  );
}
