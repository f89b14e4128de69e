import { event, jsonOf, message, textOf } from '/report.js';

const other = jsonOf('/other-origin');
const post = (url) => fetch(url, { method: 'POST' });

export const network = {
  web_socket: async () => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/socket`, ['chat.v1', 'chat.v2']);
    socket.binaryType = 'arraybuffer';
    await event(socket, 'open');
    socket.send('hello');
    const text = await message(socket);
    socket.send(new Uint8Array([1, 2, 3]));
    const bytes = (await message(socket)).byteLength;
    socket.close(1000);
    return [socket.protocol, text, bytes, (await event(socket, 'close')).wasClean];
  },
  server_sent_events: async () => {
    const source = new EventSource('/events');
    const first = await event(source, 'greeting');
    const next = event(source, 'greeting');
    await post('/events/next');
    const second = await next;
    source.close();
    return [first.data, second.data, second.lastEventId];
  },
  fetch_stream: async () => {
    const reader = (await fetch('/pieces')).body.getReader();
    const decode = ({ value }) => new TextDecoder().decode(value);
    const first = decode(await reader.read());
    await post('/pieces/next');
    return first + decode(await reader.read());
  },
  upload_stream: async () => {
    let wasRead = false;
    const init = { method: 'POST', body: new ReadableStream(), get duplex() { wasRead = true; return 'half'; } };
    const isSupported = !new Request('/upload', init).headers.has('content-type') && wasRead;
    if (!isSupported) return 'absent';
    const body = new Blob(['seven boxes']).stream();
    return textOf('/upload', { method: 'POST', body, duplex: 'half' });
  },
  upload_of_a_form: async () => {
    const form = new FormData();
    form.append('file', new Blob(['x'.repeat(1 << 20)]), 'x.bin');
    return Number(await textOf('/upload', { method: 'POST', body: form })) > 1 << 20;
  },
  range: async () => {
    const answer = await fetch('/range', { headers: { range: 'bytes=3-5' } });
    return [answer.status, answer.headers.get('content-range'), await answer.text()];
  },
  abort: async () => {
    const control = new AbortController();
    const { body } = await fetch('/endless', { signal: control.signal });
    const reader = body.getReader();
    await reader.read();
    control.abort();
    return reader.read().then(() => 'goes on', ({ name }) => name);
  },
  compressed: async () => {
    const kinds = ['gzip', 'deflate', 'br'];
    const answers = await Promise.all(kinds.map((kind) => fetch(`/compressed/${kind}`)));
    return Promise.all(answers.map(async (it) => [it.headers.get('content-encoding'), (await it.text()).length]));
  },
  compression_stream: async () => {
    const stream = new Blob(['x'.repeat(1000)]).stream().pipeThrough(new CompressionStream('gzip'));
    return (await new Response(stream).arrayBuffer()).byteLength < 100;
  },
  // Not left hanging where it fails: a page that still loads does not print.
  trailers: () => textOf('/trailers', { signal: AbortSignal.timeout(3_000) }),
  head_request: async () => {
    const answer = await fetch('/range', { method: 'HEAD' });
    return [answer.status, await answer.text()];
  },
  redirect: async () => {
    const { redirected, url, status } = await fetch('/redirected');
    return [redirected, new URL(url).pathname, status];
  },
  status_of_missing: async () => (await fetch('/missing')).status,
  revalidation: async () => [await textOf('/revalidated'), await textOf('/revalidated')],
  private_cache: async () => [await textOf('/counted'), await textOf('/counted'), await textOf('/counted', { cache: 'reload' })],
  cors_with_credentials: async () => {
    const answer = await fetch(`${await other}/open-api`, { method: 'PUT', credentials: 'include', headers: { 'x-asked': '1' } });
    return [answer.headers.get('x-shown'), answer.headers.get('x-hidden'), await answer.json()];
  },
  cors_refused: async () => textOf(`${await other}/closed-api`),
  beacon: () => navigator.sendBeacon('/told/beacon', '"sent"'),
  keepalive: async () => (await fetch('/told/keepalive', { method: 'POST', keepalive: true, body: '"sent"' })).status,
  synchronous_xhr: () => {
    const request = new XMLHttpRequest();
    request.open('GET', '/missing', false);
    request.send();
    return [request.status, request.responseText];
  },
  upload_progress: () => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.upload.onloadend = ({ loaded, total }) => done(loaded === total);
    request.open('POST', '/upload');
    request.send('x'.repeat(100_000));
  }),
  http_version: () => textOf('/version'),
  request_headers: async () => {
    const headers = await jsonOf('/headers', { headers: { 'x-own': '1' } });
    return Object.keys(headers).filter((name) => !name.startsWith(':') && !['host', 'connection', 'cookie'].includes(name)).sort();
  },
  request_header_values: async () => {
    const headers = await jsonOf('/headers');
    return Object.fromEntries(['accept', 'accept-encoding', 'accept-language', 'sec-fetch-dest', 'sec-fetch-mode', 'sec-fetch-site']
      .map((name) => [name, headers[name] ?? 'absent']));
  },
  user_agent: async () => [navigator.userAgent === (await jsonOf('/headers'))['user-agent'], navigator.userAgent],
  wasm: async () => {
    const { instance } = await WebAssembly.instantiate(await (await fetch('/add.wasm')).arrayBuffer());
    return instance.exports.add(3, 4);
  },
  wasm_streaming: async () => (await WebAssembly.instantiateStreaming(fetch('/add.wasm'))).instance.exports.add(3, 4),
  dynamic_import: async () => (await import('/workers/answer.js')).answer,
};
