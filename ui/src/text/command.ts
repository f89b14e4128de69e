// How what is typed into the palette finds a command.

/** Letters from which on the beginning of a word is more than chance. */
const LEAST = 3;

/** What is typed begins as the command does: its whole first word, or at least three letters of it. */
export function beginsAs(label: string, typed: string): boolean {
  const wanted = fold(typed);
  const [first = ""] = fold(label).split(" ");
  const isWord = wanted === first || wanted.startsWith(`${first} `);
  return fold(label).startsWith(wanted) && (isWord || wanted.length >= LEAST);
}

function fold(text: string): string {
  return text.trim().toLowerCase();
}
