// What the stand-ins share, and what the tests need of each: people, routes, cookies, a journal, an end.
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

export const ready = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`);

// The tests hold the other end: when they are gone, however they ended, so is the server.
process.stdin.on('close', () => process.exit()).resume();

export const setting = (name, otherwise) => {
  const value = process.env[name] || otherwise;
  if (!value) throw new Error(`${name} is not set`);
  return value;
};

export const random = (length) => randomBytes(length).toString('hex').slice(0, length);

// ── people ───────────────────────────────────────────────────────────────────────────────────────
const PEOPLE = [
  { email: 'ada@example.com', login: 'ada', name: 'Ada Moreau', role: 'customer' },
  { email: 'bo@example.com', login: 'bo', name: 'Bo Lindqvist', role: 'customer' },
  { email: 'root@example.com', login: 'root', name: 'Rosa Admin', role: 'admin' },
  { email: 'support@example.com', login: 'support', name: 'Olga Support', role: 'support' },
];

/** Everybody, with ids as the product makes them. */
export const people = (idAt) => PEOPLE.map((person, at) => ({ id: idAt(at), ...person }));

export const idsOf = (users) => Object.fromEntries(users.map(({ email, id }) => [email, id]));

// ── answers ──────────────────────────────────────────────────────────────────────────────────────
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
export const escaped = (text) => String(text).replace(/[&<>"]/g, (char) => ENTITIES[char]);

export const html = (body, { status = 200, head = '', ...rest } = {}) => ({
  status,
  type: 'text/html; charset=utf-8',
  body: `<!doctype html><html lang="en"><head><title>Shop</title>${head}</head><body>${body}</body></html>`,
  ...rest,
});
export const json = (value, { status = 200, ...rest } = {}) => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
  ...rest,
});
export const redirect = (to, { status = 302, headers, ...rest } = {}) => ({
  status,
  headers: { location: to, ...headers },
  ...rest,
});
export const nothing = (status = 204) => ({ status });

export const greeting = ({ name, email }) =>
  `<h1>Signed in as ${escaped(name)} &lt;${escaped(email)}&gt;</h1>`;
export const hidden = (name, value) => `<input type="hidden" name="${name}" value="${escaped(value)}">`;
export const cookie = (name, value, attributes) => `${name}=${value}; ${attributes}`;

// ── sessions in the server's memory, as frameworks keep them ─────────────────────────────────────
export class Sessions {
  #all = new Map();
  #length;

  constructor(lengthOfIds) {
    this.#length = lengthOfIds;
  }

  find(id) {
    return this.#all.get(id);
  }

  begin() {
    return this.renew({});
  }

  /** The same session under a new id; the old one counts no longer. */
  renew(session) {
    this.#all.delete(session.id);
    session.id = random(this.#length);
    this.#all.set(session.id, session);
    return session;
  }

  end(session) {
    this.#all.delete(session.id);
  }

  list() {
    return [...this.#all.values()]
      .filter(({ user }) => user)
      .map(({ user, by }) => ({ user: user.email, impersonated_by: by?.email ?? null }));
  }
}

// ── the server ───────────────────────────────────────────────────────────────────────────────────
const journal = [];
const nameOf = (pair) => pair.split('=')[0].trim();

/**
 * Listens, and answers with its address. `routes` are "GET /users/:id" with what answers it; `userOf` says who a
 * request is signed in as, `sessions` who has one; `guard` may answer in place of a route.
 */
export function serve(server, { routes, userOf = () => null, sessions = () => [], guard = () => undefined }) {
  const table = Object.entries({
    'GET /__test/journal': () => json(journal),
    'GET /__test/sessions': () => json(sessions()),
    ...routes,
  }).map(([route, handle]) => {
    const [method, path] = route.split(' ');
    const pattern = path.replaceAll('.', '\\.').replace(/:(\w+)/g, '(?<$1>[^/]+)');
    return { method, pattern: new RegExp(`^${pattern}$`), handle };
  });

  const answer = async (request) => {
    const stopped = await guard(request);
    if (stopped) return stopped;
    for (const { method, pattern, handle } of table) {
      const found = method === request.method && pattern.exec(request.path);
      if (found) return handle({ ...request, params: { ...found.groups } });
    }
    return html('<h1>Not Found</h1>', { status: 404 });
  };

  const listener = async (incoming, outgoing) => {
    const request = await read(incoming);
    const user = userOf(request);
    const {
      status,
      type,
      body,
      headers,
      cookies = [],
    } = await answer(request).catch((cause) => {
      console.error(cause);
      return html('<h1>Internal Server Error</h1>', { status: 500 });
    });
    if (!request.path.startsWith('/__test/')) {
      journal.push({
        server,
        method: request.method,
        path: incoming.url,
        cookies: Object.keys(request.cookies),
        origin: request.headers.origin ?? null,
        status,
        set_cookie: cookies.map(nameOf),
        user: user?.email ?? null,
      });
    }
    outgoing.writeHead(status, {
      ...(type && { 'content-type': type }),
      ...headers,
      ...(cookies.length && { 'set-cookie': cookies }),
    });
    outgoing.end(body);
  };

  return new Promise((resolve) => {
    const listening = createServer(listener).listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${listening.address().port}`),
    );
  });
}

async function read(incoming) {
  let body = '';
  for await (const chunk of incoming) body += chunk;
  const { method, headers } = incoming;
  const origin = `http://${headers.host}`;
  const url = new URL(incoming.url, origin);
  const pairs = (headers.cookie ?? '').split(';').filter((pair) => pair.includes('='));
  const isJson = headers['content-type']?.startsWith('application/json');
  return {
    method,
    headers,
    origin,
    path: url.pathname,
    query: url.searchParams,
    cookies: Object.fromEntries(
      pairs.map((pair) => [nameOf(pair), pair.slice(pair.indexOf('=') + 1).trim()]),
    ),
    form: new URLSearchParams(isJson ? '' : body),
    json: isJson ? JSON.parse(body || '{}') : {},
    bearer: /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1],
    wants: (type) => (headers.accept ?? '').includes(type),
  };
}
