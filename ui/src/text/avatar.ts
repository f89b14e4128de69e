// Two letters and one of eight colours for a user, the same every time.

const HUES = 8;

/** 0 to 7, by FNV-1a of the id: neighbours in an id sequence look different. */
export function avatarHue(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length && i < 256; i++) {
    hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  }
  return ((hash ^ (hash >>> 16)) >>> 0) % HUES;
}

/** First letters of the first and the last word that begin with a letter or digit; "?" when there is none. `most` letters of a single word. */
export function initials(name: string | null, most = 1): string {
  const words = (name ?? "")
    .slice(0, 256)
    .normalize("NFC")
    .split(/[\s\p{P}\p{Cc}\p{Cf}]+/u)
    .filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const [first] = words;
  const last = words.at(-1);
  if (first === undefined || last === undefined) return "?";
  const letters = words.length > 1 ? letter(first, 1) + letter(last, 1) : letter(first, most);
  return letters.toLocaleUpperCase();
}

function letter(word: string, most: number): string {
  return Array.from(word).slice(0, most).join("");
}
