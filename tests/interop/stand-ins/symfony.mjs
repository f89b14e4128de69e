// A stand-in for Symfony's form_login, logout and switch_user, built from SwitchUserListener, FormLoginAuthenticator,
// SessionAuthenticationStrategy and SameOriginCsrfTokenManager of symfony/symfony, and its security documentation.
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
// "session": a token in the session. "stateless": Origin or Referer must be the application's, as new projects have it.
const CSRF = setting('CSRF', 'session');
const users = people((at) => at + 1);
const sessions = new Sessions(26);

const sessionOf = ({ cookies }) => sessions.find(cookies.PHPSESSID);
const COOKIE = 'path=/; httponly; samesite=lax';

/** Starts a session where one is needed, and tells the browser when its id is another than it had. */
const firewall = (handle) => (request) => {
  const had = sessionOf(request);
  let session = had ?? {};
  const begin = () => (session.id ? session : (session = Object.assign(sessions.begin(), session)));
  const answer = switched(request, session) ?? handle(request, session, begin);
  const id = sessions.find(session.id) && session.id;
  if (id === request.cookies.PHPSESSID) return answer;
  if (id) return { ...answer, cookies: [cookie('PHPSESSID', id, COOKIE)] };
  return had
    ? {
        ...answer,
        cookies: [
          cookie('PHPSESSID', 'deleted', `expires=Thu, 01 Jan 1970 00:00:01 GMT; Max-Age=0; ${COOKIE}`),
        ],
      }
    : answer;
};
const entryPoint = ({ origin }) => redirect(`${origin}/login`);
const signedIn = (handle) =>
  firewall((request, session) => (session.user ? handle(request, session) : entryPoint(request)));
const denied = () => html('<h1>Access Denied.</h1>', { status: 403 });

/** switch_user, on any page. */
function switched(request, session) {
  const { query, origin, path } = request;
  const wanted = query.get('_switch_user');
  if (!wanted) return undefined;
  if (!session.user) return entryPoint(request);
  if (wanted === '_exit') {
    if (!session.by) return entryPoint(request);
    Object.assign(session, { user: session.by, by: undefined });
  } else if (!(session.by && session.user.email === wanted)) {
    const operator = session.by ?? session.user;
    const user = users.find(({ email }) => email === wanted);
    // The same for whoever may not switch, may not be switched to, and is not there.
    if (operator.role !== 'support' || user?.role !== 'customer') return denied();
    Object.assign(session, { user, by: operator });
  }
  query.delete('_switch_user');
  return redirect(origin + path + (query.size ? `?${query}` : ''));
}

function hasValidToken({ form, headers, origin }, session) {
  const token = form.get('_csrf_token');
  if (CSRF === 'session') return Boolean(session.csrf) && token === session.csrf;
  const from = headers.origin ?? (headers.referer && new URL(headers.referer).origin);
  return token === 'csrf-token' && from === origin;
}

const routes = {
  'GET /': signedIn((request, { user, by }) =>
    html(
      `${greeting(user)}<a href="/logout">Log out</a>${by ? '<a href="/?_switch_user=_exit">Exit</a>' : ''}`,
    ),
  ),
  'GET /api/me': signedIn((request, { user, by }) =>
    json({ id: user.id, email: user.email, impersonated_by: by?.email ?? null }),
  ),

  'GET /login': firewall((request, session, begin) => {
    const token = CSRF === 'session' ? (begin().csrf ??= random(43)) : 'csrf-token';
    const { error = '', name = '' } = session;
    delete session.error;
    return html(`<p>${escaped(error)}</p><form method="post"><input name="_username" value="${escaped(name)}">
      <input type="password" name="_password">${hidden('_csrf_token', token)}<button>Sign in</button></form>`);
  }),
  'POST /login': firewall((request, session, begin) => {
    const { form } = request;
    const isRight = form.get('_username') === OPERATOR && form.get('_password') === PASSWORD;
    const hasToken = hasValidToken(request, session);
    const kept = begin();
    if (!hasToken || !isRight) {
      Object.assign(kept, {
        error: hasToken ? 'Invalid credentials.' : 'Invalid CSRF token.',
        name: form.get('_username'),
      });
      return entryPoint(request);
    }
    Object.assign(sessions.renew(kept), {
      user: users.find(({ role }) => role === 'support'),
      csrf: undefined,
    });
    return redirect(`${request.origin}/`);
  }),
  'GET /logout': firewall(({ origin }, session) => {
    sessions.end(session);
    return redirect(`${origin}/`);
  }),
};

const userOf = (request) => sessionOf(request)?.user;
ready({
  listening: await serve('symfony', { routes, userOf, sessions: () => sessions.list() }),
  users: idsOf(users),
});
