// Marks the innermost elements that show one of `values`, so that a style sheet can paint them over, and takes earlier
// marks away. A value counts however it is spaced and punctuated, and also if it is spread over several elements: then
// what holds all of them is marked. Of a value that is little but punctuation, nothing is left to look for.
(values) => {
  const MARK = "data-understudy-masked";
  const fold = (text) => text.toLowerCase().replace(/[\s\p{P}\p{S}]/gu, "");
  const wanted = values.map(fold).filter((value) => value.length >= 4);
  const shows = (text) => {
    const folded = fold(text);
    return wanted.some((value) => folded.includes(value));
  };
  // From the outside in: a page that shows none of them costs one look at its text.
  const mark = (element) => {
    if (!shows(element.textContent)) return;
    const inner = [...element.children].filter(({ textContent }) => shows(textContent));
    const others = [...element.childNodes].filter((node) => !inner.includes(node));
    const isHere = inner.length === 0 || shows(others.map(({ textContent }) => textContent).join(""));
    if (isHere) element.setAttribute(MARK, "");
    else inner.forEach(mark);
  };
  const shown = (field) =>
    [field.value, field.placeholder, ...[...(field.selectedOptions ?? [])].map((option) => option.textContent)];
  // A document, or an open shadow tree.
  const look = (page) => {
    for (const marked of page.querySelectorAll(`[${MARK}]`)) marked.removeAttribute(MARK);
    if (wanted.length > 0) {
      for (const element of page.body ? [page.body] : page.children) mark(element);
      for (const field of page.querySelectorAll("input, textarea, select"))
        if (shown(field).some((text) => shows(text ?? ""))) field.setAttribute(MARK, "");
    }
    for (const { shadowRoot } of page.querySelectorAll("*")) if (shadowRoot) look(shadowRoot);
    for (const frame of page.querySelectorAll("iframe, frame")) {
      // Those of other origins can't be looked into.
      try {
        if (frame.contentDocument) look(frame.contentDocument);
      } catch {}
    }
  };
  look(document);
}
