// In a script world of ours: passes on what the console gets, and errors that nothing caught.
(() => {
  const handler = window.webkit.messageHandlers.messages;
  const limit = 2000;
  let second = 0;
  let sent = 0;
  function send(level, text) {
    const now = Math.floor(performance.now() / 1000);
    if (now !== second) [second, sent] = [now, 0];
    // A page that writes in a loop is not slowed down by us as well.
    if (++sent <= 50) handler.postMessage(`${level}\n${text.slice(0, limit)}`);
  }
  window.addEventListener("EVENT_NAME", (event) => {
    const [level, text] = String(event.detail).split("\n", 1).concat(String(event.detail));
    send(level, text.slice(level.length + 1));
  });
  window.addEventListener(
    "error",
    (event) => {
      if (event.message !== undefined) {
        const place = event.filename ? ` (${event.filename}:${event.lineno}:${event.colno})` : "";
        return send("error", `${event.message}${place}`);
      }
      const { target } = event;
      const address = target && (target.src || target.href);
      if (address) send("error", `Can't load ${target.localName}: ${address}`);
    },
    true,
  );
  window.addEventListener("securitypolicyviolation", (event) => {
    send("error", `Blocked by the page's security policy (${event.violatedDirective}): ${event.blockedURI}`);
  });
})();
