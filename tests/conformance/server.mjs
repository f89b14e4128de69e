// An application whose pages try about a hundred features of browsers, and what those need of a server: HTTP/2 and HTTP/1.1
// with TLS, all kinds of cookies, events, ranges, compressed answers, a web socket. CERTIFICATE and KEY name PEM files.
//
// It keeps what it is told: `POST /told/NAME`. `GET /__test/told` lists that; tests wait for it.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http2 from 'node:http2';
import path from 'node:path';
import zlib from 'node:zlib';

const root = import.meta.dirname;
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.wasm': 'application/wasm' };
const text = 'A text that is compressed, a text that is compressed.';
const bytes = Buffer.from('0123456789');
/** (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)) */
const wasm = Buffer.from('0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b', 'hex');
const told = [];
const waiting = new Map();
const counts = new Map();
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Every kind of cookie; the browser decides which to keep. */
const cookies = [
  'plain=1; Path=/',
  'secure=1; Path=/; Secure',
  'http_only=1; Path=/; HttpOnly',
  'lax=1; Path=/; SameSite=Lax',
  'strict=1; Path=/; SameSite=Strict',
  'none=1; Path=/; Secure; SameSite=None',
  'none_without_secure=1; Path=/; SameSite=None',
  'partitioned=1; Path=/; Secure; SameSite=None; Partitioned',
  '__Host-kept=1; Path=/; Secure',
  '__Host-with-path=1; Path=/cookies; Secure',
  '__Secure-kept=1; Path=/; Secure',
  '__Secure-without=1; Path=/',
  'aged=1; Path=/; Max-Age=600',
  'expired=1; Path=/; Max-Age=0',
  'elsewhere=1; Path=/elsewhere',
  'of_domain=1; Path=/; Domain=localhost',
  'of_other_domain=1; Path=/; Domain=example.com',
];

const release = (name) => { waiting.get(name)?.(); waiting.delete(name); };
const until = (name) => new Promise((done) => waiting.set(name, done));
const read = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
};
/** The names of a request's cookies, in order. */
const cookieNames = (request) => (request.headers.cookie ?? '').split('; ').filter(Boolean)
  .map((pair) => pair.split('=')[0]).sort();

const routes = {
  'POST /login': (request, response) => response.end('{}'),
  'POST /logout': (request, response) => response.end('{}'),
  'GET /cookies/set': (request, response) => response.writeHead(200, { 'set-cookie': cookies }).end('{}'),
  'GET /cookies/sent': (request, response) => response.end(JSON.stringify(cookieNames(request))),
  'GET /headers': (request, response) => response.end(JSON.stringify(request.headers)),
  'GET /version': (request, response) => response.end(request.httpVersion),
  'GET /compressed/gzip': (request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(zlib.gzipSync(text)),
  'GET /compressed/deflate': (request, response) =>
    response.writeHead(200, { 'content-encoding': 'deflate' }).end(zlib.deflateSync(text)),
  'GET /compressed/br': (request, response) =>
    response.writeHead(200, { 'content-encoding': 'br' }).end(zlib.brotliCompressSync(text)),
  // One piece, and the next when the first has arrived.
  'GET /pieces': async (request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' }).write('first ');
    await until('pieces');
    response.end('second');
  },
  'POST /pieces/next': (request, response) => { release('pieces'); response.end(); },
  'GET /events': async (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('id: 1\nevent: greeting\ndata: first\n\n');
    await until('events');
    response.end('id: 2\nevent: greeting\ndata: second\n\n');
  },
  'POST /events/next': (request, response) => { release('events'); response.end(); },
  'GET /range': (request, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (from === undefined) return response.writeHead(200).end(bytes);
    const part = bytes.subarray(Number(from), Number(to) + 1);
    response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}` }).end(part);
  },
  // Tells when the browser gives up.
  'GET /endless': (request, response) => {
    response.on('close', () => told.push(['aborted', true]));
    response.writeHead(200).write('and so on');
  },
  'GET /trailers': (request, response) => {
    response.writeHead(200, { trailer: 'x-sum' }).write('body');
    response.addTrailers({ 'x-sum': '42' });
    response.end();
  },
  'GET /redirected': (request, response) => response.writeHead(302, { location: '/version' }).end(),
  'GET /revalidated': (request, response) => {
    const headers = { etag: '"one"', 'cache-control': 'no-cache' };
    const isKnown = request.headers['if-none-match'] === '"one"';
    if (isKnown) told.push(['revalidated', true]);
    response.writeHead(isKnown ? 304 : 200, headers).end(isKnown ? undefined : 'kept');
  },
  'GET /counted': (request, response) => {
    counts.set('counted', (counts.get('counted') ?? 0) + 1);
    response.writeHead(200, { 'cache-control': 'private, max-age=600' }).end(String(counts.get('counted')));
  },
  'POST /upload': async (request, response) => response.end(String((await read(request)).length)),
  'GET /add.wasm': (request, response) => response.writeHead(200, { 'content-type': types['.wasm'] }).end(wasm),
  'GET /missing': (request, response) => response.writeHead(404).end('none'),
  'GET /closed-api': (request, response) => response.end('{}'),
  'OPTIONS /open-api': (request, response) => response.writeHead(204, allow(request)).end(),
  'PUT /open-api': (request, response) =>
    response.writeHead(200, { ...allow(request), 'access-control-expose-headers': 'x-shown', 'x-shown': '1', 'x-hidden': '1' })
      .end(JSON.stringify(cookieNames(request).includes('lax'))),
  'GET /isolated': (request, response) => sendFile(response, 'isolated.html', isolation),
  'GET /': (request, response) => sendFile(response, 'page.html'),
};

const allow = (request) => ({
  'access-control-allow-origin': request.headers.origin ?? '',
  'access-control-allow-credentials': 'true',
  'access-control-allow-methods': 'PUT',
  'access-control-allow-headers': 'x-asked',
});

const sendFile = (response, name, headers = {}) => {
  const file = path.join(root, name);
  if (!file.startsWith(root) || !fs.existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': types[path.extname(file)] ?? 'text/plain', ...headers });
  response.end(fs.readFileSync(file));
};

const answer = async (request, response) => {
  const { pathname } = new URL(request.url, 'https://localhost');
  const what = `${request.method} ${pathname}`;
  if (pathname === '/__test/told') return response.end(JSON.stringify(told));
  if (pathname.startsWith('/told/')) {
    const body = (await read(request)).toString();
    told.push([pathname.slice('/told/'.length), body === '' ? null : JSON.parse(body)]);
    return response.writeHead(204).end();
  }
  const route = routes[what.replace('HEAD ', 'GET ')];
  if (route !== undefined) return route(request, response);
  if (request.method === 'GET') return sendFile(response, pathname.slice(1));
  response.writeHead(404).end();
};

/** Answers a web socket's handshake and echoes short messages, as RFC 6455 has it. */
const openSocket = (request, socket) => {
  const accept = crypto.createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  const asked = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  const chosen = asked.includes('chat.v2') ? 'Sec-WebSocket-Protocol: chat.v2\r\n' : '';
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `${chosen}Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`);
  socket.on('error', () => {});
  socket.on('data', (frame) => {
    const [code, length] = [frame[0] & 0x0f, frame[1] & 0x7f];
    const mask = frame.subarray(2, 6);
    const payload = Buffer.from(frame.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at % 4]));
    socket.write(Buffer.concat([Buffer.from([0x80 | code, payload.length]), payload]));
    if (code === 8) socket.end();
  });
};

const { CERTIFICATE, KEY } = process.env;
const secure = { cert: fs.readFileSync(CERTIFICATE), key: fs.readFileSync(KEY), allowHTTP1: true };
const start = () => new Promise((done) => {
  const server = http2.createSecureServer(secure, answer).on('upgrade', openSocket).on('sessionError', () => {});
  server.listen(0, '127.0.0.1', () => done(`https://localhost:${server.address().port}`));
});
const [listening, other] = [await start(), await start()];
routes['GET /other-origin'] = (request, response) => {
  const isFirst = (request.headers[':authority'] ?? request.headers.host) === new URL(listening).host;
  response.end(JSON.stringify(isFirst ? other : listening));
};
console.log(JSON.stringify({ listening, other }));
process.stdin.resume().on('end', () => process.exit());
