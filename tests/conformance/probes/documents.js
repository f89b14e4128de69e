import { event, jsonOf, message } from '/report.js';

const frame = (attributes) => {
  const made = Object.assign(document.createElement('iframe'), attributes);
  made.hidden = true;
  document.body.append(made);
  return made;
};
const script = (text) => `<script>${text}<\/script>`;

export const documents = {
  srcdoc_frame: () => {
    frame({ srcdoc: script('parent.postMessage([origin, document.referrer !== ""])') });
    return message(window).then(([origin, hasReferrer]) => [origin === location.origin, hasReferrer]);
  },
  sandboxed_frame: () => {
    frame({ sandbox: 'allow-scripts', srcdoc: script('parent.postMessage(origin, "*")') });
    return message(window);
  },
  frame_of_other_origin: async () => {
    frame({ src: `${await jsonOf('/other-origin')}/framed.html` });
    return message(window);
  },
  history: async () => {
    history.pushState({ nth: 1 }, '', '?nth=1');
    history.pushState({ nth: 2 }, '', '?nth=2');
    const popped = event(window, 'popstate');
    history.back();
    return [(await popped).state, location.search, typeof window.navigation];
  },
  fragment: async () => {
    const changed = event(window, 'hashchange');
    location.hash = 'part';
    await changed;
    return location.hash;
  },
  find_in_page: () => window.find('Trying'),
  view_size: () => [innerWidth === document.documentElement.clientWidth, innerHeight > 0, visualViewport.scale, devicePixelRatio],
  visibility: () => [document.visibilityState, document.hidden],
  secure_context: () => [isSecureContext, window.origin === location.origin],
  print_styles: () => matchMedia('print').matches,
  prefers: () => ['(prefers-color-scheme: dark)', '(prefers-reduced-motion)', '(hover: hover)', '(pointer: fine)']
    .map((query) => matchMedia(query).matches),
  custom_elements: () => {
    customElements.define('x-shown', class extends HTMLElement { connectedCallback() { this.textContent = 'made'; } });
    const made = document.createElement('x-shown');
    document.body.append(made);
    made.remove();
    return made.textContent;
  },
  content_security_policy: async () => {
    frame({ srcdoc: `<meta http-equiv="content-security-policy" content="script-src 'nonce-1'">
      <script>parent.postMessage('runs')<\/script><script nonce=1>parent.postMessage('only with its nonce')<\/script>` });
    return message(window);
  },
  dialog_element: () => {
    const dialog = document.createElement('dialog');
    document.body.append(dialog);
    dialog.showModal();
    const isOpen = dialog.matches(':modal');
    dialog.remove();
    return isOpen;
  },
};
