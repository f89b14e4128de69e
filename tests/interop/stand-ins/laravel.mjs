// A stand-in for Laravel (sessions, CSRF, the login of its starter kits) with lab404/laravel-impersonate, built from
// ImpersonateController, ImpersonateManager and config/session.php of their public sources.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import {
  Sessions,
  cookie,
  escaped,
  greeting,
  hidden,
  html,
  idsOf,
  json,
  people,
  random,
  ready,
  redirect,
  serve,
  setting,
} from './harness.mjs';

const OPERATOR = setting('OPERATOR', 'support@example.com');
const PASSWORD = setting('OPERATOR_SECRET');
const COOKIE = setting('SESSION_COOKIE', 'laravel_session'); // after APP_NAME, unless it is set
const users = people((at) => at + 1);
const sessions = new Sessions(40);

// Laravel encrypts every cookie, each time anew: {"iv","value","mac","tag"}, in base64, percent-encoded.
const key = randomBytes(32);
const macOf = (iv, value) =>
  createHmac('sha256', key)
    .update(iv + value)
    .digest('hex');
function sealed(text) {
  const iv = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const parts = {
    iv: iv.toString('base64'),
    value: cipher.update(text, 'utf8', 'base64') + cipher.final('base64'),
  };
  const all = JSON.stringify({ ...parts, mac: macOf(parts.iv, parts.value), tag: '' });
  return encodeURIComponent(Buffer.from(all).toString('base64'));
}
function unsealed(text, decode = decodeURIComponent) {
  try {
    const { iv, value, mac } = JSON.parse(Buffer.from(decode(text ?? ''), 'base64'));
    if (mac !== macOf(iv, value)) return undefined;
    const decipher = createDecipheriv('aes-256-cbc', key, Buffer.from(iv, 'base64'));
    return decipher.update(value, 'base64', 'utf8') + decipher.final('utf8');
  } catch {
    return undefined;
  }
}

const sessionOf = ({ cookies }) => sessions.find(unsealed(cookies[COOKIE]));

/** The middleware group `web`: a session with every answer, and a CSRF token for all but reading. */
const web = (handle) => async (request) => {
  const session = sessionOf(request) ?? Object.assign(sessions.begin(), { token: random(40) });
  const { method, form, headers, origin, path } = request;
  const sent = form.get('_token') ?? headers['x-csrf-token'] ?? 
    // A header is taken as it comes: whoever copies the cookie has to decode it.
    unsealed(headers['x-xsrf-token'], (plain) => (plain.includes('%') ? '' : plain));
  const refused = method !== 'GET' && sent !== session.token;
  const answer = refused
    ? html('<h1>419 Page Expired</h1>', { status: 419 })
    : await handle(request, session);
  if (method === 'GET' && answer.status === 200) session.previous = origin + path;
  const kept = sessions.find(session.id) ?? Object.assign(sessions.begin(), { token: random(40) });
  const expires = `expires=${new Date(Date.now() + 7_200_000).toUTCString()}; Max-Age=7200; path=/`;
  const cookies = [
    cookie('XSRF-TOKEN', sealed(kept.token), `${expires}; samesite=lax`),
    cookie(COOKIE, sealed(kept.id), `${expires}; httponly; samesite=lax`),
  ];
  return { ...answer, cookies };
};
const back = ({ headers, origin }, session) => redirect(headers.referer ?? session.previous ?? `${origin}/`);

/** The middleware `auth`. */
const auth = (handle) =>
  web((request, session) => {
    if (session.user) return handle(request, session);
    if (request.wants('/json')) return json({ message: 'Unauthenticated.' }, { status: 401 });
    session.intended = request.origin + request.path;
    return redirect(`${request.origin}/login`);
  });
const abort = (status) => html(`<h1>${status}</h1>`, { status });

const routes = {
  'GET /': auth(({ origin }, { user, token }) =>
    html(
      `${greeting(user)}<form method="post" action="${origin}/logout">${hidden('_token', token)}<button>Log out</button></form>`,
      { head: `<meta name="csrf-token" content="${token}">` },
    ),
  ),
  'GET /api/me': auth((request, { user, by }) =>
    json({ id: user.id, email: user.email, impersonated_by: by?.email ?? null }),
  ),

  'GET /login': web((request, session) => {
    const error = session.error ?? '';
    delete session.error;
    return html(`<p>${escaped(error)}</p><form method="post" action="/login">${hidden('_token', session.token)}
      <input name="email"><input name="password" type="password"><button>Log in</button></form>`);
  }),
  'POST /login': web((request, session) => {
    const { form, origin } = request;
    if (form.get('email') !== OPERATOR || form.get('password') !== PASSWORD) {
      session.error = 'These credentials do not match our records.';
      return back(request, session);
    }
    const to = session.intended ?? `${origin}/`;
    delete session.intended;
    Object.assign(sessions.renew(session), {
      user: users.find(({ role }) => role === 'support'),
      token: random(40),
    });
    return redirect(to);
  }),
  'POST /logout': web(({ origin }, session) => {
    sessions.end(session);
    return redirect(`${origin}/`);
  }),

  'GET /impersonate/take/:id': auth((request, session) => {
    const { id } = request.params;
    if (id === String(session.user.id) || session.by || session.user.role !== 'support') return abort(403);
    const user = users.find((one) => String(one.id) === id);
    if (!user) return abort(404);
    // What `canBeImpersonated()` refuses is not told: the way back is the same.
    if (user.role !== 'customer') return back(request, session);
    Object.assign(sessions.renew(session), { by: session.user, user });
    return redirect(`${request.origin}/`);
  }),
  'GET /impersonate/leave': auth(({ origin }, session) => {
    if (!session.by) return abort(403);
    Object.assign(sessions.renew(session), { user: session.by, by: undefined });
    return redirect(`${origin}/`);
  }),
};

const userOf = (request) => sessionOf(request)?.user;
ready({
  listening: await serve('laravel', { routes, userOf, sessions: () => sessions.list() }),
  users: idsOf(users),
});
