// What is hidden in a text, made visible: control characters, and characters that turn the reading
// direction. A customer's name is shown as what it is, and cannot rearrange or blank what is around it.

/** Controls (but what joins emoji and Persian letters), bidi embeddings, overrides, isolates and marks, line and
 * paragraph separators, zero-width space, soft hyphen, byte order mark, tags, and halves of a pair. */
const HIDDEN =
  // eslint-disable-next-line no-control-regex -- they are what this is about
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Shows each of them: C0 as its control picture (␀ ␊ ␛), DEL as ␡, the others as ‹U+202E›. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (char) => {
    const code = char.charCodeAt(0);
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    if (code === 0x7f) return "\u2421";
    return `‹U+${code.toString(16).toUpperCase().padStart(4, "0")}›`;
  });
}

export interface Cut {
  text: string;
  /** UTF-16 units that were left out; 0 when it is whole. */
  left: number;
}

/** At most `most` units of `text`, never half a surrogate pair nor a letter without its accents. */
export function cut(text: string, most: number): Cut {
  if (text.length <= most) return { text, left: 0 };
  let end = most;
  while (end > most - 16 && end > 0 && /^(?:\p{M}|\u200d|[\udc00-\udfff])/u.test(text.slice(end, end + 1)))
    end--;
  if (/[\ud800-\udbff]$/.test(text.slice(0, end))) end--;
  return { text: text.slice(0, end), left: text.length - end };
}
