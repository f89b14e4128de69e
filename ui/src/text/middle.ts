// Where a long address is cut: before its last part, which says more than what stands in the middle.

/** Both parts of `text`; the second one has at most `most` units, and never half a character. */
export function splitBeforeEnd(text: string, most = 28): [string, string] {
  if (text.length <= most) return ["", text];
  const slash = text.lastIndexOf("/", text.length - 2);
  let at = slash > 0 && text.length - slash <= most ? slash : text.length - most;
  while (at < text.length && /^(?:\p{M}|\u200d|[\udc00-\udfff])/u.test(text.slice(at, at + 1))) at++;
  return [text.slice(0, at), text.slice(at)];
}
