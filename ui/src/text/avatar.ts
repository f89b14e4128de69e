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

/** First letters of the first and the last word that begin with a letter or digit; "?" when there is none. */
export function initials(name: string | null): string {
  const words = (name ?? "")
    .slice(0, 256)
    .split(/[\s\p{P}\p{Cc}\p{Cf}]+/u)
    .map((word) => /^[\p{L}\p{N}]/u.exec(word.normalize("NFC"))?.[0])
    .filter((letter) => letter !== undefined);
  const first = words[0];
  if (first === undefined) return "?";
  const last = words.length > 1 ? words[words.length - 1] : "";
  return (first + (last ?? "")).toLocaleUpperCase();
}
