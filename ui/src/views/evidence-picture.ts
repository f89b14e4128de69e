// The picture of a session's window, and the marks that the agent makes in it. A blurred area is painted from the points
// around it: nothing of what was in it is left, so nobody can compute it back.

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Mark {
  kind: "box" | "blur";
  area: Area;
}

const BOX = "#e5484d";
/** Each cell of a blurred area has one colour. */
const CELL = 12;

/** Whole points within the picture; the corners may come in any order. */
export function toArea(
  from: { x: number; y: number },
  to: { x: number; y: number },
  most: { width: number; height: number },
): Area {
  const clamp = (value: number, limit: number) => Math.min(Math.max(Math.round(value), 0), limit);
  const [left, right] = [from.x, to.x].sort((a, b) => a - b).map((x) => clamp(x, most.width)) as [
    number,
    number,
  ];
  const [top, bottom] = [from.y, to.y].sort((a, b) => a - b).map((y) => clamp(y, most.height)) as [
    number,
    number,
  ];
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** Draws the picture with its marks. */
export function paint(canvas: HTMLCanvasElement, image: CanvasImageSource, marks: readonly Mark[]): void {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return;
  context.drawImage(image, 0, 0);
  // Boxes last: blurring must not wipe one away.
  for (const { kind, area } of marks) if (kind === "blur") blur(context, area);
  for (const { kind, area } of marks) {
    if (kind !== "box") continue;
    context.strokeStyle = BOX;
    context.lineWidth = 3;
    context.strokeRect(area.x + 1.5, area.y + 1.5, Math.max(area.width - 3, 1), Math.max(area.height - 3, 1));
  }
}

function blur(context: CanvasRenderingContext2D, area: Area): void {
  const { width, height } = context.canvas;
  const colorAt = (x: number, y: number) =>
    context.getImageData(Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1), 1, 1)
      .data;
  const right = area.x + area.width;
  const bottom = area.y + area.height;
  const corners = [
    colorAt(area.x - 1, area.y - 1),
    colorAt(right, area.y - 1),
    colorAt(area.x - 1, bottom),
    colorAt(right, bottom),
  ] as const;
  // At the picture's edge, a corner lies in the area itself.
  const isInside = (x: number, y: number) => x >= area.x && x < right && y >= area.y && y < bottom;
  const clampX = (x: number) => Math.min(Math.max(x, 0), width - 1);
  const clampY = (y: number) => Math.min(Math.max(y, 0), height - 1);
  const at: [number, number][] = [
    [area.x - 1, area.y - 1],
    [right, area.y - 1],
    [area.x - 1, bottom],
    [right, bottom],
  ];
  const grey = new Uint8ClampedArray([136, 136, 136, 255]);
  const colors = corners.map((color, index) => {
    const [x, y] = at[index] as [number, number];
    return isInside(clampX(x), clampY(y)) ? grey : color;
  });
  for (let y = area.y; y < bottom; y += CELL) {
    for (let x = area.x; x < right; x += CELL) {
      const across = area.width <= CELL ? 0.5 : (x - area.x) / area.width;
      const down = area.height <= CELL ? 0.5 : (y - area.y) / area.height;
      const mix = (channel: number) => {
        const [a, b, c, d] = colors.map((color) => color[channel] ?? 0) as [number, number, number, number];
        return (a * (1 - across) + b * across) * (1 - down) + (c * (1 - across) + d * across) * down;
      };
      // A pattern, so that one sees that something was here.
      const shade = ((x - area.x) / CELL + (y - area.y) / CELL) % 2 === 0 ? 18 : -18;
      context.fillStyle = `rgb(${mix(0) + shade}, ${mix(1) + shade}, ${mix(2) + shade})`;
      context.fillRect(x, y, Math.min(CELL, right - x), Math.min(CELL, bottom - y));
    }
  }
}

/** The picture as a PNG file in base64. */
export const toPng = (canvas: HTMLCanvasElement): string =>
  canvas.toDataURL("image/png").replace("data:image/png;base64,", "");

/** Four bytes for each point, in base64. */
export function toPoints(canvas: HTMLCanvasElement): string {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const bytes = context?.getImageData(0, 0, canvas.width, canvas.height).data ?? new Uint8ClampedArray();
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000)
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
