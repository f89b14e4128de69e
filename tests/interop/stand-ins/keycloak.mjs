// A stand-in for Keycloak 26 and an application that signs in by OpenID Connect, built from UserResource.impersonate,
// AuthenticationManager.createLoginCookie, DefaultCookieProvider, SecureContextResolver and RealmAdminResource of
// Keycloak's public source, and its documentation of OpenID Connect endpoints and backchannel logout.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import {
  cookie,
  greeting,
  html,
  idsOf,
  json,
  nothing,
  people,
  random,
  ready,
  redirect,
  serve,
  setting,
} from './harness.mjs';
import { jwt, now } from './jwt.mjs';

const SECRET = setting('OPERATOR_SECRET');
// Plain http on a loopback address is secure for Keycloak, and its cookies get `Secure` and `SameSite=None` there, but
// not for Safari. By default they are as on any other host with plain http.
const IS_SECURE = setting('SECURE_CONTEXT', '0') === '1';
const REALM = 'customers';
const HOURS_10 = 36_000;
const users = people(() => randomUUID());
users.push({
  id: randomUUID(),
  email: 'gone@example.com',
  login: 'gone',
  name: 'Gus Gone',
  role: 'customer',
  isDisabled: true,
});

// The service accounts' roles of realm-management.
const clients = {
  [setting('OPERATOR', 'understudy')]: { secret: SECRET, roles: ['impersonation', 'manage-users'] },
  reader: { secret: SECRET, roles: ['view-users'] },
  impersonator: { secret: SECRET, roles: ['impersonation'] },
  shop: { secret: random(32), roles: [] },
};
const tokens = jwt(randomBytes(64), 'HS512');
const sessions = new Map();
const codes = new Map();
let keycloak;
let customer;
const issuer = () => `${keycloak}/realms/${REALM}`;

// ── login cookies ────────────────────────────────────────────────────────────────────────────────
const PATH = `/realms/${REALM}/`;
const site = IS_SECURE ? 'None' : 'Lax';
const attributes = (isHttpOnly, age = '') =>
  `Version=1;Path=${PATH}${age}${IS_SECURE ? ';Secure' : ''}${isHttpOnly ? ';HttpOnly' : ''};SameSite=${site}`;
function loginCookies(sid, user) {
  const claims = {
    jti: randomUUID(),
    iat: now(),
    exp: now() + HOURS_10,
    iss: issuer(),
    sub: user.id,
    typ: 'Serialized-ID',
    sid,
  };
  const identity = tokens.signed({ ...claims, state_checker: randomBytes(32).toString('base64url') });
  return [
    cookie('KEYCLOAK_IDENTITY', identity, attributes(true)),
    cookie(
      'KEYCLOAK_SESSION',
      createHash('sha256').update(sid).digest('base64url'),
      attributes(false, `;Max-Age=${HOURS_10}`),
    ),
  ];
}
function loggedIn({ cookies }) {
  const claims = tokens.read(cookies.KEYCLOAK_IDENTITY);
  return claims?.typ === 'Serialized-ID' && sessions.has(claims.sid)
    ? { sid: claims.sid, ...sessions.get(claims.sid) }
    : undefined;
}

// ── the administration's API ─────────────────────────────────────────────────────────────────────
const refusal = (status, error) => json({ error }, { status });
const admin = (handle) => (request) => {
  const claims = tokens.read(request.bearer);
  if (claims?.typ !== 'Bearer') return refusal(401, 'HTTP 401 Unauthorized');
  if (request.params.realm !== REALM) return refusal(404, 'Realm not found.');
  const { roles } = clients[claims.azp];
  return roles.length ? handle(request, claims.azp, roles) : refusal(403, 'HTTP 403 Forbidden');
};
async function end(sid) {
  sessions.delete(sid);
  const events = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const token = tokens.signed({ iss: issuer(), aud: 'shop', sid, jti: randomUUID(), iat: now(), events });
  await fetch(`${customer}/backchannel-logout`, {
    method: 'POST',
    body: new URLSearchParams({ logout_token: token }),
  });
}

/** `client_id` and `client_secret` in the form, or as HTTP Basic. */
function clientOf({ form, headers }) {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '');
  const [id, secret] = basic
    ? Buffer.from(basic[1], 'base64').toString().split(':')
    : [form.get('client_id'), form.get('client_secret')];
  return clients[id]?.secret === secret ? id : undefined;
}

const routes = {
  'POST /realms/:realm/protocol/openid-connect/token': (request) => {
    const { form } = request;
    const client = clientOf(request);
    if (!client)
      return json(
        { error: 'unauthorized_client', error_description: 'Invalid client or Invalid client credentials' },
        { status: 401 },
      );
    const common = { iss: issuer(), iat: now(), exp: now() + 300, azp: client };
    const answer = (more) =>
      json({
        expires_in: 300,
        refresh_expires_in: 0,
        token_type: 'Bearer',
        'not-before-policy': 0,
        scope: 'email profile',
        ...more,
      });
    if (form.get('grant_type') === 'client_credentials')
      return answer({
        access_token: tokens.signed({
          ...common,
          typ: 'Bearer',
          clientId: client,
          sub: `service-account-${client}`,
        }),
      });
    const code = codes.get(form.get('code'));
    codes.delete(form.get('code'));
    if (code?.client !== client || code.redirectUri !== form.get('redirect_uri') || !sessions.has(code.sid))
      return json({ error: 'invalid_grant', error_description: 'Code not valid' }, { status: 400 });
    const { id, email, name } = sessions.get(code.sid).user;
    const claims = { ...common, sub: id, sid: code.sid };
    const idToken = tokens.signed({ ...claims, typ: 'ID', aud: client, nonce: code.nonce, email, name });
    return answer({
      access_token: tokens.signed({ ...claims, typ: 'Bearer' }),
      id_token: idToken,
      session_state: code.sid,
      scope: 'openid email profile',
    });
  },

  'POST /admin/realms/:realm/users/:id/impersonation': admin(({ params }, client, roles) => {
    const user = users.find(({ id }) => id === params.id);
    // To whom may not look for users, an unknown one is no other than a known one.
    if (!user)
      return roles.some((role) => role.endsWith('-users'))
        ? refusal(404, 'User not found')
        : refusal(403, 'HTTP 403 Forbidden');
    if (!roles.includes('impersonation')) return refusal(403, 'HTTP 403 Forbidden');
    if (user.isDisabled) return json({ errorMessage: 'User is disabled' }, { status: 400 });
    const sid = randomUUID();
    sessions.set(sid, { user, by: `service-account-${client}` });
    return json({ sameRealm: false, redirect: `${issuer()}/account` }, { cookies: loginCookies(sid, user) });
  }),
  'DELETE /admin/realms/:realm/sessions/:sid': admin(async ({ params }, client, roles) => {
    if (!roles.includes('manage-users')) return refusal(403, 'HTTP 403 Forbidden');
    if (!sessions.has(params.sid)) return refusal(404, 'Sesssion not found');
    await end(params.sid);
    return nothing();
  }),

  'GET /realms/:realm/protocol/openid-connect/auth': (request) => {
    const { query } = request;
    if (query.get('client_id') !== 'shop' || query.get('redirect_uri') !== `${customer}/callback`)
      return html('<p>Invalid parameter: redirect_uri</p>', { status: 400 });
    const authSession = cookie('AUTH_SESSION_ID', randomBytes(48).toString('base64url'), attributes(true));
    const found = loggedIn(request);
    if (!found) return { ...html('<h1>Sign in to your account</h1>'), cookies: [authSession] };
    const code = `${randomUUID()}.${found.sid}.${randomUUID()}`;
    codes.set(code, {
      client: 'shop',
      sid: found.sid,
      redirectUri: query.get('redirect_uri'),
      nonce: query.get('nonce'),
    });
    const parameters = new URLSearchParams({
      state: query.get('state'),
      session_state: found.sid,
      iss: issuer(),
      code,
    });
    return redirect(`${query.get('redirect_uri')}?${parameters}`, {
      cookies: [authSession, ...loginCookies(found.sid, found.user)],
    });
  },
};

// ── the application ──────────────────────────────────────────────────────────────────────────────
const signedIn = new Map();
const userOf = ({ cookies }) => signedIn.get(cookies.shop_session)?.user;
const callback = () => `${customer}/callback`;

const shop = {
  'GET /': (request) => {
    const user = userOf(request);
    if (user) return html(greeting(user));
    const [state, nonce] = [randomUUID(), randomUUID()];
    const wanted = {
      client_id: 'shop',
      response_type: 'code',
      scope: 'openid',
      redirect_uri: callback(),
      state,
      nonce,
    };
    return redirect(`${issuer()}/protocol/openid-connect/auth?${new URLSearchParams(wanted)}`, {
      cookies: [cookie('shop_begun', `${state}.${nonce}`, 'Path=/; HttpOnly; SameSite=Lax')],
    });
  },
  'GET /callback': async ({ query, cookies }) => {
    const [state, nonce] = (cookies.shop_begun ?? '').split('.');
    if (!state || query.get('state') !== state) return html('<p>Start again.</p>', { status: 400 });
    const body = {
      grant_type: 'authorization_code',
      client_id: 'shop',
      client_secret: clients.shop.secret,
      code: query.get('code'),
      redirect_uri: callback(),
    };
    const answer = await fetch(`${issuer()}/protocol/openid-connect/token`, {
      method: 'POST',
      body: new URLSearchParams(body),
    });
    const claims = tokens.read((await answer.json()).id_token);
    if (claims?.nonce !== nonce) return html('<p>Start again.</p>', { status: 400 });
    const id = random(32);
    signedIn.set(id, { sid: claims.sid, user: { id: claims.sub, email: claims.email, name: claims.name } });
    return redirect('/', {
      cookies: [
        cookie('shop_begun', '', 'Path=/; Max-Age=0; HttpOnly; SameSite=Lax'),
        cookie('shop_session', id, 'Path=/; HttpOnly; SameSite=Lax'),
      ],
    });
  },
  'GET /api/me': (request) => {
    const user = userOf(request);
    return user ? json({ id: user.id, email: user.email, impersonated_by: null }) : json({}, { status: 401 });
  },
  'POST /backchannel-logout': ({ form }) => {
    const claims = tokens.read(form.get('logout_token'));
    if (!claims?.events || claims.aud !== 'shop') return nothing(400);
    for (const [id, { sid }] of signedIn) if (sid === claims.sid) signedIn.delete(id);
    return nothing(200);
  },
};

keycloak = await serve('keycloak', {
  routes,
  userOf: (request) => loggedIn(request)?.user,
  sessions: () => [...sessions.values()].map(({ user, by }) => ({ user: user.email, impersonated_by: by })),
});
customer = await serve('customer', { routes: shop, userOf });
ready({ listening: keycloak, customer, realm: REALM, users: idsOf(users) });
