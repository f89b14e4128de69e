// A stand-in for Supabase Auth behind its gateway and a single-page application, built from admin.go, auth.go, mail.go,
// verify.go, logout.go and errorcode.go of supabase/auth and the documentation of supabase-js.
import { randomBytes, randomUUID } from 'node:crypto';
import { html, idsOf, json, nothing, people, ready, redirect, serve, setting } from './harness.mjs';
import { jwt, now } from './jwt.mjs';

const SECRET = setting('OPERATOR_SECRET'); // the key of the role `service_role`
const PUBLIC = 'anon-key';
const users = people(() => randomUUID());
const tokens = jwt(randomBytes(32));
const sessions = new Map();
const links = new Map(); // the newest of each user: an older one counts no longer
let supabase;
let customer;

const refusal = (code, error_code, msg) => json({ code, error_code, msg }, { status: code, headers: CORS });
const CORS = { 'access-control-allow-origin': '*' };
const public_ = ({ id, email, name }) => ({
  id,
  aud: 'authenticated',
  role: 'authenticated',
  email,
  email_confirmed_at: '2026-01-01T00:00:00Z',
  app_metadata: { provider: 'email', providers: ['email'] },
  user_metadata: { name },
});

/** The gateway in front wants a key with every request but the opening of a link. */
function guard({ method, path, headers, query }) {
  if (method === 'OPTIONS')
    return {
      status: 200,
      headers: {
        ...CORS,
        'access-control-allow-headers': 'apikey, authorization',
        'access-control-allow-methods': 'GET, POST',
      },
    };
  if (path.startsWith('/__test/') || (method === 'GET' && path === '/auth/v1/verify')) return undefined;
  const key = headers.apikey ?? query.get('apikey');
  if (!key)
    return json(
      { message: 'No API key found in request', hint: 'No `apikey` request header or url param was found.' },
      { status: 401, headers: CORS },
    );
  if (key !== SECRET && key !== PUBLIC)
    return json(
      { message: 'Invalid API key', hint: 'Double check your Supabase `anon` or `service_role` API key.' },
      { status: 401, headers: CORS },
    );
  return undefined;
}
const admin = (handle) => (request) => {
  if (!request.bearer) return refusal(401, 'no_authorization', 'This endpoint requires a valid Bearer token');
  if (request.bearer === PUBLIC || tokens.read(request.bearer))
    return refusal(403, 'not_admin', 'User not allowed');
  if (request.bearer !== SECRET)
    return refusal(
      403,
      'bad_jwt',
      'invalid JWT: unable to parse or verify signature, token signature is invalid: signature is invalid',
    );
  return handle(request);
};
const withSession = (handle) => (request) => {
  const claims = tokens.read(request.bearer);
  if (!claims)
    return refusal(
      request.bearer ? 403 : 401,
      request.bearer ? 'bad_jwt' : 'no_authorization',
      'This endpoint requires a valid Bearer token',
    );
  const user = sessions.get(claims.session_id);
  if (!user) return refusal(403, 'session_not_found', 'Session from session_id claim in JWT does not exist');
  return handle(request, user, claims.session_id);
};

function begin(user) {
  const session_id = randomUUID();
  sessions.set(session_id, user);
  const expires_at = now() + 3600;
  const claims = {
    iss: `${supabase}/auth/v1`,
    sub: user.id,
    aud: 'authenticated',
    exp: expires_at,
    iat: now(),
    email: user.email,
  };
  const access_token = tokens.signed({
    ...claims,
    role: 'authenticated',
    session_id,
    aal: 'aal1',
    amr: [{ method: 'otp', timestamp: now() }],
  });
  return {
    access_token,
    token_type: 'bearer',
    expires_in: 3600,
    expires_at,
    refresh_token: randomBytes(9).toString('base64url'),
  };
}
/** The user of a one-time token, which is then used up. */
function redeemed(token) {
  const user = users.find(({ id }) => token && links.get(id) === token);
  if (user) links.delete(user.id);
  return user;
}

const routes = {
  'GET /auth/v1/admin/users/:id': admin(({ params }) => {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(params.id))
      return refusal(404, 'validation_failed', 'user_id must be an UUID');
    const user = users.find(({ id }) => id === params.id);
    return user ? json(public_(user)) : refusal(404, 'user_not_found', 'User not found');
  }),
  'POST /auth/v1/admin/generate_link': admin(({ json: { type, email, redirect_to } }) => {
    if (type !== 'magiclink')
      return refusal(400, 'validation_failed', `Invalid email action link type requested: ${type}`);
    if (!email?.includes('@'))
      return refusal(400, 'validation_failed', 'Unable to validate email address: invalid format');
    let user = users.find((one) => one.email === email.toLowerCase());
    // Who is not there is signed up.
    const verification_type = user ? 'magiclink' : 'signup';
    if (!user)
      users.push((user = { id: randomUUID(), email: email.toLowerCase(), name: '', role: 'customer' }));
    const hashed_token = randomBytes(28).toString('hex');
    links.set(user.id, hashed_token);
    // What is not allowed gives way to the site's address, in silence.
    const to = redirect_to?.startsWith(`${customer}/`) ? redirect_to : customer;
    const parameters = new URLSearchParams({ token: hashed_token, type: verification_type, redirect_to: to });
    const email_otp = String(100000 + Number.parseInt(hashed_token.slice(0, 4), 16));
    return json({
      ...public_(user),
      action_link: `${supabase}/auth/v1/verify?${parameters}`,
      email_otp,
      hashed_token,
      verification_type,
      redirect_to: to,
    });
  }),

  'GET /auth/v1/verify': ({ query }) => {
    const user = redeemed(query.get('token'));
    const asked = query.get('redirect_to') ?? '';
    const to = asked.startsWith(`${customer}/`) ? asked : customer;
    const told = user
      ? { ...begin(user), type: query.get('type') }
      : {
          error: 'access_denied',
          error_code: 'otp_expired',
          error_description: 'Email link is invalid or has expired',
        };
    return redirect(`${to}#${new URLSearchParams(told)}`, { status: 303 });
  },
  'POST /auth/v1/verify': ({ json: { token_hash } }) => {
    const user = redeemed(token_hash);
    if (!user) return refusal(403, 'otp_expired', 'Email link is invalid or has expired');
    return json({ ...begin(user), user: public_(user) });
  },
  'GET /auth/v1/user': withSession((request, user) => json(public_(user), { headers: CORS })),
  'POST /auth/v1/logout': withSession(({ query }, user, session) => {
    const scope = query.get('scope') ?? 'global';
    for (const [id, other] of sessions)
      if (scope === 'local' ? id === session : other === user && (scope === 'global' || id !== session))
        sessions.delete(id);
    return { ...nothing(), headers: CORS };
  }),
};

// ── the application: its page alone knows who is signed in, as with supabase-js ──────────────────
const script = () => `
  const KEY = 'sb-127-auth-token';
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has('access_token')) {
    localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(given)));
    history.replaceState(null, '', location.pathname);
  }
  const told = document.querySelector('h1');
  const { access_token } = JSON.parse(localStorage.getItem(KEY) ?? '{}');
  if (!access_token) told.textContent = given.get('error_description') ?? 'Nobody is signed in';
  else fetch('${supabase}/auth/v1/user', { headers: { apikey: '${PUBLIC}', authorization: 'Bearer ' + access_token } })
    .then(async (answer) => {
      const user = await answer.json();
      if (!answer.ok) throw new Error(user.msg);
      told.textContent = 'Signed in as ' + user.user_metadata.name + ' <' + user.email + '>';
      await fetch('/seen?user=' + encodeURIComponent(user.email));
    })
    .catch(({ message }) => { told.textContent = message; localStorage.removeItem(KEY); });`;
const shop = {
  'GET /': () => html(`<h1></h1><script>${script()}</script>`),
  'GET /seen': () => nothing(),
  'GET /api/me': ({ bearer }) => {
    const user = sessions.get(tokens.read(bearer)?.session_id);
    return user ? json({ id: user.id, email: user.email, impersonated_by: null }) : json({}, { status: 401 });
  },
};

supabase = await serve('supabase', {
  routes,
  guard,
  userOf: ({ bearer }) => sessions.get(tokens.read(bearer)?.session_id),
  sessions: () => [...sessions.values()].map(({ email }) => ({ user: email, impersonated_by: null })),
});
customer = await serve('customer', {
  routes: shop,
  // Who the page showed, as it says itself.
  userOf: ({ path, query }) => (path === '/seen' ? { email: query.get('user') } : null),
});
ready({ listening: supabase, customer, users: idsOf(users) });
