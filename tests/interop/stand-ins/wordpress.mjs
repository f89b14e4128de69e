// A stand-in for WordPress (login cookies, sessions, nonces) with the plugin User Switching, built from pluggable.php,
// wp-login.php and WP_Session_Tokens of WordPress's public source and user-switching.php of the plugin's.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import {
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

const OPERATOR = setting('OPERATOR', 'support');
const PASSWORD = setting('OPERATOR_SECRET');
const users = people((at) => at + 1);
const canEditUsers = ({ role }) => role !== 'customer';
const byId = (id) => users.find((user) => String(user.id) === id);
const secret = randomBytes(32);
const hmac = (text) => createHmac('sha256', secret).update(text).digest('hex');
const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const TWO_DAYS = 172_800;

// ── sessions: the hash of a token for each, beside the user's other metadata ─────────────────────
const sessions = new Map();
function begin(user, by) {
  const token = random(43);
  sessions.set(sha256(token), { user, by });
  return token;
}

// ── cookies: name|expiration|token|signature, the same token in all ──────────────────────────────
let site;
let hash;
const made = (user, token, scheme) => {
  const data = `${user.login}|${Math.floor(Date.now() / 1000) + TWO_DAYS}|${token}`;
  return `${data}|${hmac(`${scheme}|${data}`)}`;
};
/** Who a cookie's value is of: `{ user, token, by }`. */
function parsed(value, scheme) {
  const [login, expiration, token, signature] = (value ?? '').split('|');
  const session = sessions.get(sha256(token ?? ''));
  const isGood =
    signature === hmac(`${scheme}|${login}|${expiration}|${token}`) && Number(expiration) * 1000 > Date.now();
  return isGood && session?.user.login === login ? { user: session.user, by: session.by, token } : undefined;
}
const had = ({ cookies }, name) => decodeURIComponent(cookies[name + hash] ?? '');
const loggedIn = (request) => parsed(had(request, 'wordpress_logged_in_'), 'logged_in');
const set = (name, value, path, rest = '') =>
  cookie(name + hash, encodeURIComponent(value), `path=${path}${rest}; HttpOnly`);
const cleared = (name, path) =>
  cookie(
    name + hash,
    '%20',
    `expires=${new Date(Date.now() - 31_536_000_000).toUTCString()}; Max-Age=0; path=${path}`,
  );

const AUTH_PATHS = ['/wp-content/plugins', '/wp-admin'];
const clearAuth = () => [
  ...AUTH_PATHS.map((path) => cleared('wordpress_', path)),
  ...AUTH_PATHS.map((path) => cleared('wordpress_sec_', path)),
  cleared('wordpress_logged_in_', '/'),
];
const setAuth = (user, token) => [
  ...AUTH_PATHS.map((path) => set('wordpress_', made(user, token, 'auth'), path)),
  set('wordpress_logged_in_', made(user, token, 'logged_in'), '/'),
];
const clearOldUser = () =>
  ['wordpress_user_sw_', 'wordpress_user_sw_secure_', 'wordpress_user_sw_olduser_'].map((name) =>
    cleared(name, '/'),
  );

// ── nonces: for one user, one session, one action, and half a day to a day ───────────────────────
const tick = () => Math.ceil(Date.now() / 1000 / (TWO_DAYS / 4));
const nonceAt = (at, action, { user, token }) => hmac(`${at}|${action}|${user.id}|${token}`).slice(-12, -2);
const link = (parameters, action, me) =>
  escaped(
    `${site}/wp-login.php?${new URLSearchParams(parameters)}&_wpnonce=${nonceAt(tick(), action, me)}`,
  ).replaceAll('&amp;', '&#038;');
const hasNonce = ({ query }, action, me) =>
  Boolean(me) && [tick(), tick() - 1].some((at) => query.get('_wpnonce') === nonceAt(at, action, me));
const die = (text, status) => html(`<p>${text}</p>`, { status });
const expired = () => die('The link you followed has expired.', 403);

// ── pages ────────────────────────────────────────────────────────────────────────────────────────
const oldUser = (request) => parsed(had(request, 'wordpress_user_sw_olduser_'), 'logged_in')?.user;
function adminPage(request, me, body) {
  const old = oldUser(request);
  const back = old
    ? `<a href="${link({ action: 'switch_to_olduser', nr: 1 }, `switch_to_olduser_${old.id}`, me)}">Switch back to ${escaped(old.name)}</a>`
    : '';
  return html(`${body}${back}<a href="${link({ action: 'logout' }, 'log-out', me)}">Log Out</a>`);
}
const profile = ({ login, email }) =>
  `<input name="user_login" value="${login}"><input name="email" value="${email}">`;
/** wp-admin wants the cookie of its own path, and it alone. */
const admin = (handle) => (request) => {
  const me = parsed(had(request, 'wordpress_'), 'auth');
  if (me) return handle(request, me);
  const from = encodeURIComponent(site + request.path);
  return redirect(`${site}/wp-login.php?redirect_to=${from}&reauth=1`, { cookies: clearAuth() });
};
const loginForm = (error) => ({
  ...html(`<p>${error}</p><form method="post" action="${site}/wp-login.php"><input name="log"><input type="password" name="pwd">
    ${hidden('redirect_to', `${site}/wp-admin/`)}${hidden('testcookie', 1)}<input type="submit" name="wp-submit"></form>`),
  cookies: [cookie('wordpress_test_cookie', 'WP%20Cookie%20check', 'path=/; HttpOnly')],
});

const actions = {
  logout(request) {
    const me = loggedIn(request);
    if (!hasNonce(request, 'log-out', me)) return die('You are attempting to log out of Shop.', 403);
    sessions.delete(sha256(me.token));
    return redirect(`${site}/wp-login.php?loggedout=true`, { cookies: [...clearAuth(), ...clearOldUser()] });
  },
  switch_to_user(request) {
    const me = loggedIn(request);
    const user = byId(request.query.get('user_id'));
    if (!me || !user || !canEditUsers(me.user) || user === me.user)
      return die('Could not switch users.', 403);
    if (!hasNonce(request, `switch_to_user_${user.id}`, me)) return expired();
    const ways = [...JSON.parse(had(request, 'wordpress_user_sw_') || '[]'), made(me.user, me.token, 'auth')];
    const until = `; expires=${new Date(Date.now() + TWO_DAYS * 1000).toUTCString()}; Max-Age=${TWO_DAYS}`;
    return redirect(`${site}/wp-admin/?user_switched=true`, {
      headers: { 'x-redirect-by': 'WordPress/User Switching' },
      cookies: [
        cookie(
          `wordpress_user_sw_${hash}`,
          encodeURIComponent(JSON.stringify(ways)),
          `path=/${until}; HttpOnly`,
        ),
        set('wordpress_user_sw_olduser_', made(me.user, me.token, 'logged_in'), '/', until),
        ...clearAuth(),
        ...setAuth(user, begin(user, me.user)),
      ],
    });
  },
  // The operator's session is taken up again, and the customer's ends.
  switch_to_olduser(request) {
    const me = loggedIn(request);
    const old = oldUser(request);
    const way = parsed(JSON.parse(had(request, 'wordpress_user_sw_') || '[]').at(-1), 'auth');
    if (!old || way?.user !== old) return die('Could not switch users.', 403);
    if (!hasNonce(request, `switch_to_olduser_${old.id}`, me)) return expired();
    sessions.delete(sha256(me.token));
    return redirect(`${site}/wp-admin/users.php?user_switched=true&switched_back=true`, {
      headers: { 'x-redirect-by': 'WordPress/User Switching' },
      cookies: [...clearOldUser(), ...clearAuth(), ...setAuth(old, way.token)],
    });
  },
};

const routes = {
  'GET /': (request) => {
    const me = loggedIn(request);
    return html(me ? greeting(me.user) : `<a href="${site}/wp-login.php">Log in</a>`);
  },
  'GET /api/me': (request) => {
    const me = loggedIn(request);
    if (!me) return json({ code: 'rest_not_logged_in' }, { status: 401 });
    return json({ id: me.user.id, email: me.user.email, impersonated_by: me.by?.email ?? null });
  },

  'GET /wp-login.php': (request) => (actions[request.query.get('action')] ?? (() => loginForm('')))(request),
  'POST /wp-login.php': ({ form, cookies }) => {
    if (form.get('testcookie') && !cookies.wordpress_test_cookie)
      return loginForm('<strong>Error:</strong> Cookies are blocked or not supported by your browser.');
    if (form.get('log') !== OPERATOR || form.get('pwd') !== PASSWORD)
      return loginForm('<strong>Error:</strong> The username or password you entered is incorrect.');
    const user = users.find(({ role }) => role === 'support');
    return redirect(form.get('redirect_to') || `${site}/wp-admin/`, {
      headers: { 'x-redirect-by': 'WordPress' },
      cookies: [...loginForm('').cookies, ...setAuth(user, begin(user)), ...clearOldUser()],
    });
  },

  'GET /wp-admin/': admin((request, me) => adminPage(request, me, '<h1>Dashboard</h1>')),
  'GET /wp-admin/users.php': admin((request, me) => adminPage(request, me, '<h1>Users</h1>')),
  'GET /wp-admin/profile.php': admin((request, me) => adminPage(request, me, profile(me.user))),
  'GET /wp-admin/user-edit.php': admin((request, me) => {
    const user = byId(request.query.get('user_id'));
    if (!user) return die('Invalid user ID.', 500);
    if (!canEditUsers(me.user)) return die('Sorry, you are not allowed to edit this user.', 403);
    const to = link({ action: 'switch_to_user', user_id: user.id, nr: 1 }, `switch_to_user_${user.id}`, me);
    return adminPage(
      request,
      me,
      `${profile(user)}${user === me.user ? '' : `<a href="${to}">Switch&nbsp;To</a>`}`,
    );
  }),
};

site = await serve('wordpress', {
  routes,
  userOf: (request) => loggedIn(request)?.user,
  sessions: () =>
    [...sessions.values()].map(({ user, by }) => ({ user: user.email, impersonated_by: by?.email ?? null })),
});
hash = createHash('md5').update(site).digest('hex');
ready({ listening: site, users: idsOf(users) });
