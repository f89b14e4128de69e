// Where a query stands in a text, regardless of case and accents: "ang" is found in "Ángela".

export interface Piece {
  text: string;
  marked: boolean;
}

const MARKS = /\p{M}+/gu;

function fold(text: string): string {
  return text.normalize("NFD").replace(MARKS, "").toLowerCase();
}

/** `text` in one to three pieces, the first place where `query` stands marked; one piece when it does not. */
export function mark(text: string, query: string): Piece[] {
  const wanted = fold(query.trim());
  const whole = [{ text, marked: false }];
  if (wanted === "" || text === "") return whole;

  // Folding changes lengths (é is one unit or two, İ becomes two), so each folded unit remembers whence it came.
  let folded = "";
  const from: number[] = [];
  let at = 0;
  for (const char of text) {
    const part = fold(char);
    for (let i = 0; i < part.length; i++) from.push(at);
    folded += part;
    at += char.length;
  }
  from.push(text.length);

  const found = folded.indexOf(wanted);
  if (found < 0) return whole;
  const start = from[found] ?? 0;
  // A match that ends inside what one character folds to takes that character whole.
  let last = found + wanted.length;
  while (last < folded.length && from[last] === from[last - 1]) last++;
  const end = from[last] ?? text.length;

  return [
    { text: text.slice(0, start), marked: false },
    { text: text.slice(start, end), marked: true },
    { text: text.slice(end), marked: false },
  ].filter((piece) => piece.text !== "");
}
