// In the page, before any script of its own: tells what the console's functions get, then lets them do their work. No
// getter of the page is called, so that it behaves as if nobody looked.
(() => {
  const { apply, getOwnPropertyDescriptor, ownKeys } = Reflect;
  const { dispatchEvent, addEventListener } = EventTarget.prototype;
  const reason = getOwnPropertyDescriptor(PromiseRejectionEvent.prototype, "reason").get;
  const { isArray } = Array;
  const Told = CustomEvent;
  const text = String;
  const page = window;

  /** A value in words. */
  function show(value, depth) {
    if (typeof value === "function") return "function";
    if (value === null || typeof value !== "object") return text(value);
    const own = (key) => {
      const descriptor = getOwnPropertyDescriptor(value, key);
      return descriptor && "value" in descriptor ? descriptor.value : undefined;
    };
    const message = own("message");
    const stack = own("stack");
    if (typeof message === "string" && typeof stack === "string") return `${message}\n${stack}`;
    if (depth === 0) return "…";
    const keys = ownKeys(value);
    let shown = "";
    for (let at = 0; at < keys.length && at < 12; at++) {
      const key = keys[at];
      if (typeof key === "symbol" || (key === "length" && isArray(value))) continue;
      shown += `${shown && ", "}${isArray(value) ? "" : `${key}: `}${show(own(key), depth - 1)}`;
    }
    return isArray(value) ? `[${shown}]` : `{${shown}}`;
  }

  function tell(level, values) {
    try {
      let line = "";
      for (let at = 0; at < values.length && at < 12; at++) line += `${at ? " " : ""}${show(values[at], 2)}`;
      apply(dispatchEvent, page, [new Told("EVENT_NAME", { detail: `${level}\n${line}` })]);
    } catch {
      // What cannot be shown is not told.
    }
  }

  const levels = { error: "error", warn: "warning", log: "info", info: "info" };
  for (const name of ownKeys(levels)) {
    console[name] = new Proxy(console[name], {
      apply(target, self, values) {
        tell(levels[name], values);
        return apply(target, self, values);
      },
    });
  }
  apply(addEventListener, page, [
    "unhandledrejection",
    (event) => tell("error", ["Unhandled promise rejection:", apply(reason, event, [])]),
  ]);
})();
