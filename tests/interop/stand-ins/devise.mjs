// A stand-in for Rails (sessions, CSRF), Devise and devise_masquerade 2, built from their public sources:
// RequestForgeryProtection, Devise::SessionsController, Devise::MasqueradesController, url_helpers.rb and masqueradable.rb.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  Sessions,
  cookie,
  escaped,
  greeting,
  hidden,
  html,
  idsOf,
  json,
  nothing,
  people,
  ready,
  redirect,
  serve,
  setting,
} from './harness.mjs';

const OPERATOR = setting('OPERATOR', 'support@example.com');
const PASSWORD = setting('OPERATOR_SECRET');
// What a wrong password is answered with: 422 since Devise 4.9 for Turbo, 200 before.
const REFUSED = Number(setting('ERROR_STATUS', '422'));
const SECONDS = Number(setting('MASQUERADE_SECONDS', '60'));
const users = people((at) => at + 1);
// As with a session store on the server (`:active_record_store`, `:redis_session_store`).
const sessions = new Sessions(32);
const COOKIE = '_shop_session';

const sessionOf = ({ cookies }) => sessions.find(cookies[COOKIE]);
const begun = () => Object.assign(sessions.begin(), { csrf: randomBytes(32) });

// ── CSRF: a token is for one form or for all, and masked anew on every page ──────────────────────
const forForm = (session, path, method) =>
  createHmac('sha256', session.csrf).update(`${path}#${method}`).digest();
const forAll = (session) => createHmac('sha256', session.csrf).update('!real_csrf_token').digest();
const xor = (one, other) => Buffer.from(one.map((byte, at) => byte ^ other[at]));
function masked(token) {
  const pad = randomBytes(32);
  return Buffer.concat([pad, xor(pad, token)]).toString('base64url');
}
function isValid({ form, headers, origin, path, method }, session) {
  if (headers.origin && headers.origin !== origin) return false;
  const sent = Buffer.from(form.get('authenticity_token') ?? headers['x-csrf-token'] ?? '', 'base64url');
  if (sent.length !== 64) return false;
  const token = xor(sent.subarray(0, 32), sent.subarray(32));
  return [forForm(session, path, method.toLowerCase()), forAll(session), session.csrf].some((one) =>
    timingSafeEqual(one, token),
  );
}

const action = (handle) => async (request) => {
  const session = sessionOf(request) ?? begun();
  const refused = request.method !== 'GET' && !isValid(request, session);
  const answer = refused
    ? html('<h1>The change you wanted was rejected.</h1>', { status: 422 })
    : await handle(request, session);
  const kept = sessions.find(session.id) ?? begun();
  return { ...answer, cookies: [cookie(COOKIE, kept.id, 'path=/; HttpOnly; SameSite=Lax')] };
};
const authenticated = (handle) =>
  action((request, session) => {
    if (session.user) return handle(request, session);
    if (!request.wants('text/html') && request.wants('application/json'))
      return json({ error: 'You need to sign in or sign up before continuing.' }, { status: 401 });
    return redirect(`${request.origin}/users/sign_in`);
  });
const page = (session, body, rest) =>
  html(body, {
    ...rest,
    head: `<meta name="csrf-param" content="authenticity_token"><meta name="csrf-token" content="${masked(forAll(session))}">`,
  });
const loginForm = (session, rest) =>
  page(
    session,
    `<form action="/users/sign_in" method="post">${hidden('authenticity_token', masked(forForm(session, '/users/sign_in', 'post')))}
      <input name="user[email]"><input type="password" name="user[password]"><button>Log in</button></form>`,
    rest,
  );

// ── signed global ids, which count until they expire ─────────────────────────────────────────────
const secret = randomBytes(32);
const digest = (data) => createHmac('sha256', secret).update(data).digest('hex');
function masqueradeKey({ id }) {
  const gid = {
    gid: `gid://shop/User/${id}`,
    purpose: 'masquerade',
    expires_at: new Date(Date.now() + SECONDS * 1000).toISOString(),
  };
  const data = Buffer.from(JSON.stringify(gid)).toString('base64url');
  return `${data}--${digest(data)}`;
}
function located(key) {
  const [data, mac] = (key ?? '').split('--');
  if (mac !== digest(data)) return undefined;
  const { gid, purpose, expires_at } = JSON.parse(Buffer.from(data, 'base64url'));
  if (purpose !== 'masquerade' || Date.parse(expires_at) <= Date.now()) return undefined;
  return users.find(({ id }) => gid === `gid://shop/User/${id}`);
}
const masqueradePath = (user) =>
  `/users/masquerade?masquerade=${masqueradeKey(user)}&masqueraded_resource_class=User`;

const routes = {
  'GET /': authenticated((request, session) => page(session, greeting(session.user))),
  'GET /api/me': authenticated((request, { user, by }) =>
    json({ id: user.id, email: user.email, impersonated_by: by?.email ?? null }),
  ),
  // The application's own: support staff see it, and administrators cannot be masqueraded as.
  'GET /admin/users/:id': authenticated(({ params }, session) => {
    if (session.user.role === 'customer') return nothing(403);
    const user = users.find(({ id }) => String(id) === params.id);
    if (!user) return html('<h1>Not Found</h1>', { status: 404 });
    const link = user.role === 'customer' ? `<a href="${escaped(masqueradePath(user))}">Login As</a>` : '';
    return page(session, `<h1>${escaped(user.name)}</h1>${link}`);
  }),

  'GET /users/sign_in': action((request, session) =>
    session.user ? redirect(`${request.origin}/`) : loginForm(session),
  ),
  'POST /users/sign_in': action(({ form, origin }, session) => {
    if (form.get('user[email]') !== OPERATOR || form.get('user[password]') !== PASSWORD)
      return loginForm(session, { status: REFUSED });
    Object.assign(sessions.renew(session), {
      user: users.find(({ role }) => role === 'support'),
      csrf: randomBytes(32),
    });
    return redirect(`${origin}/`, { status: 303 });
  }),
  'DELETE /users/sign_out': action((request, session) => {
    sessions.end(session);
    return request.wants('text/html') ? redirect(`${request.origin}/`, { status: 303 }) : nothing();
  }),

  'GET /users/masquerade': authenticated(({ query, origin }, session) => {
    // `masquerade_authorized?` of the application.
    if (session.user.role !== 'support') return nothing(403);
    const user = located(query.get('masquerade'));
    Object.assign(sessions.renew(session), { user, by: user && session.user });
    return redirect(user ? `${origin}/` : `${origin}/users/sign_in`);
  }),
  'GET /users/masquerade/back': authenticated(({ origin }, session) => {
    if (!session.by) return nothing(401);
    Object.assign(sessions.renew(session), { user: session.by, by: undefined });
    return redirect(`${origin}/`);
  }),
};

const userOf = (request) => sessionOf(request)?.user;
ready({
  listening: await serve('devise', { routes, userOf, sessions: () => sessions.list() }),
  users: idsOf(users),
});
