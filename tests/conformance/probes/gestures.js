import { event, message } from '/report.js';

const stage = document.getElementById('stage');

/** Asks whoever looks after the window for a click, or for more than that (`then`), and acts in its handler. */
async function onClick(act, then = 'click') {
  const clicked = new Promise((done, fail) => {
    stage.addEventListener('click', () => { try { done(act()); } catch (error) { fail(error); } }, { once: true });
  });
  await fetch(`/told/wanted`, { method: 'POST', body: JSON.stringify(then) });
  return clicked;
}

const popupPage = (text) => `<!doctype html><title>Opened</title><script>${text}<\/script>`;

export const gestures = {
  popup: () => onClick(async () => {
    const heard = message(window);
    const popup = open('/popup.html', 'named', 'width=400,height=300');
    const said = await heard;
    while (!popup.closed) await new Promise((done) => { setTimeout(done, 20); });
    return said;
  }),
  popup_without_opener: () => onClick(async () => {
    const channel = new BroadcastChannel('popup');
    const heard = message(channel);
    const popup = open('/popup.html?quiet', '_blank', 'noopener');
    return [popup, await heard];
  }),
  blob_popup: () => onClick(async () => {
    const heard = message(window);
    const text = popupPage('opener.postMessage([document.URL.slice(0, 5), origin === opener.origin]); close()');
    open(URL.createObjectURL(new Blob([text], { type: 'text/html' })));
    return heard;
  }),
  blank_popup: () => onClick(() => {
    const popup = open('', 'written');
    popup.document.write('<title>Invoice</title><h1>Invoice 7</h1>');
    popup.document.close();
    const found = [popup.document.title, popup.opener === window, popup.location.pathname];
    popup.close();
    return found;
  }),
  clipboard_write: () => onClick(() => navigator.clipboard.writeText('written by the page').then(() => 'written')),
  clipboard_read: () => onClick(() => navigator.clipboard.readText()),
  copy_event: () => onClick(async () => {
    const copied = event(document, 'copy');
    document.addEventListener('copy', (copy) => { copy.clipboardData.setData('text/plain', 'set'); copy.preventDefault(); }, { once: true });
    return [document.execCommand('copy'), (await copied).isTrusted];
  }),
  full_screen: () => onClick(async () => {
    await document.documentElement.requestFullscreen();
    const isFull = document.fullscreenElement !== null;
    await document.exitFullscreen();
    return isFull;
  }),
  drag: async () => {
    stage.draggable = true;
    const events = [];
    const want = (what) => fetch('/told/wanted', { method: 'POST', body: JSON.stringify(what) });
    stage.addEventListener('mousedown', () => want('pull'), { once: true });
    stage.addEventListener('dragstart', () => want('move'), { once: true });
    stage.addEventListener('dragover', () => want('release'), { once: true });
    for (const name of ['dragstart', 'drop']) stage.addEventListener(name, ({ type }) => events.push(type));
    stage.addEventListener('dragstart', ({ dataTransfer }) => dataTransfer.setData('text/plain', 'dragged'));
    stage.addEventListener('dragover', (over) => over.preventDefault());
    stage.addEventListener('drop', (drop) => { events.push(drop.dataTransfer.getData('text/plain')); drop.preventDefault(); });
    const ended = event(stage, 'dragend');
    await want('hold');
    await ended;
    stage.draggable = false;
    return events;
  },
  typed_text: async () => {
    const field = document.createElement('input');
    stage.replaceChildren(field);
    field.focus();
    const events = [];
    for (const name of ['keydown', 'beforeinput', 'input', 'keyup']) field.addEventListener(name, ({ type }) => events.push(type));
    await fetch('/told/wanted', { method: 'POST', body: '"type"' });
    await event(field, 'keyup');
    return [field.value, events];
  },
  file_input: () => onClick(async () => {
    const input = Object.assign(document.createElement('input'), { type: 'file' });
    const cancelled = event(input, 'cancel');
    input.click();
    return (await cancelled).type;
  }, 'dialog'),
  // The last one: print() returns before its dialog is there.
  print: () => onClick(() => { print(); return 'a dialog opens'; }, 'dialog'),
};
