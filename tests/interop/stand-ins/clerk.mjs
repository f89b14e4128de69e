// A stand-in for Clerk's Backend API and Frontend API and an application of it, built from Clerk's documentation: actor
// tokens, user impersonation, sessions, how Clerk works, and the indexes of Backend and Frontend API errors.
import { randomBytes } from 'node:crypto';
import {
  cookie,
  greeting,
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
import { jwt, now } from './jwt.mjs';

const SECRET = setting('OPERATOR_SECRET'); // the instance's secret key, `sk_…`
const idWith = (prefix) => `${prefix}_2${random(26)}`;
const users = people(() => idWith('user'));
const tokens = jwt(randomBytes(32));
const actorTokens = new Map();
const clients = new Map(); // the browsers that Clerk knows: `__client`, and the session in each
const sessions = new Map();
let frontend;
let customer;

const refusal = (status, code, message, long_message = message, meta) =>
  json(
    { errors: [{ message, long_message, code, ...(meta && { meta }) }], clerk_trace_id: random(32) },
    { status },
  );
const missing = (name) =>
  refusal(422, 'form_param_missing', 'is missing', `${name} must be included.`, { param_name: name });

// ── Backend API ──────────────────────────────────────────────────────────────────────────────────
function guard({ path, headers, bearer }) {
  if (path.startsWith('/__test/')) return undefined;
  if (!bearer && headers.authorization)
    return refusal(
      401,
      'authorization_header_format_invalid',
      'Invalid Authorization header format',
      'Invalid Authorization header format. Must be "Bearer <YOUR_API_KEY>"',
    );
  if (bearer !== SECRET)
    return refusal(
      401,
      'clerk_key_invalid',
      'The provided Clerk Secret Key is invalid. Make sure that your Clerk Secret Key is correct.',
    );
  return undefined;
}
const publicSession = ({ id, user, actor, status, client }) => ({
  object: 'session',
  id,
  client_id: client,
  user_id: user.id,
  actor,
  status,
});
const publicToken = ({ user, lasts, ...token }) => ({
  object: 'actor_token',
  ...token,
  user_id: user.id,
  updated_at: Date.now(),
});

const api = {
  'POST /v1/actor_tokens': ({
    json: { user_id, actor, expires_in_seconds = 3600, session_max_duration_in_seconds = 1800 },
  }) => {
    if (!user_id) return missing('user_id');
    if (!actor?.sub) return missing('actor');
    const user = users.find(({ id }) => id === user_id);
    if (!user) return refusal(404, 'resource_not_found', 'not found', `No user was found with id ${user_id}`);
    const id = idWith('act');
    const claims = {
      eis: expires_in_seconds,
      exp: now() + expires_in_seconds,
      iid: 'ins_shop',
      sid: id,
      st: 'actor_token',
    };
    const token = tokens.signed(claims);
    const url = `${frontend}/v1/tickets/accept?ticket=${token}`;
    actorTokens.set(id, {
      id,
      status: 'pending',
      user,
      actor,
      token,
      url,
      lasts: session_max_duration_in_seconds,
      created_at: Date.now(),
    });
    return json(publicToken(actorTokens.get(id)));
  },
  'POST /v1/actor_tokens/:id/revoke': ({ params }) => {
    const token = actorTokens.get(params.id);
    if (!token)
      return refusal(404, 'resource_not_found', 'not found', `No actor token was found with id ${params.id}`);
    if (token.status !== 'pending')
      return refusal(
        400,
        'actor_token_cannot_be_revoked_code',
        'cannot revoke',
        `Actor token cannot be revoked because its status is ${token.status}. Only pending tokens can be revoked.`,
      );
    token.status = 'revoked';
    return json(publicToken(token));
  },
  'GET /v1/sessions': ({ query }) =>
    json(
      [...sessions.values()]
        .filter(
          ({ user, status }) =>
            user.id === query.get('user_id') && status === (query.get('status') ?? status),
        )
        .map(publicSession),
    ),
  'POST /v1/sessions/:id/revoke': ({ params }) => {
    const session = sessions.get(params.id);
    if (!session)
      return refusal(
        404,
        'resource_not_found',
        'Session not found',
        `No session was found with id ${params.id}`,
      );
    session.status = 'revoked';
    return json(publicSession(session));
  },
};

// ── Frontend API ─────────────────────────────────────────────────────────────────────────────────
const isActive = (session) => session?.status === 'active' && session.until > now();
/** The actor token of a ticket, or the refusal. */
function ticket(text) {
  const claims = tokens.read(text);
  const token = actorTokens.get(claims?.sid);
  if (!token) return { refused: refusal(400, 'ticket_invalid_code', 'Ticket is invalid') };
  if (token.status === 'accepted')
    return {
      refused: refusal(
        400,
        'actor_token_already_used_code',
        'actor token has already been used',
        'This actor token has already been used. Each token can only be used once.',
      ),
    };
  if (token.status !== 'pending')
    return { refused: refusal(400, 'actor_token_revoked_code', 'actor token has been revoked') };
  return { token };
}
const withCors = (answer) => ({
  ...answer,
  headers: {
    'access-control-allow-origin': customer,
    'access-control-allow-credentials': 'true',
    vary: 'Origin',
  },
});
const CLIENT = 'Path=/; Max-Age=315360000; HttpOnly; SameSite=Lax';
function publicClient(id) {
  const session = sessions.get(clients.get(id));
  const active = isActive(session) ? [session] : [];
  const claims = ({ id: sid, user, actor, until }) => ({
    iss: frontend,
    sub: user.id,
    sid,
    act: actor,
    azp: customer,
    iat: now(),
    exp: until,
  });
  const all = active.map((one) => ({
    ...publicSession(one),
    last_active_token: { object: 'token', jwt: tokens.signed(claims(one)) },
  }));
  return { object: 'client', id, sessions: all, last_active_session_id: active[0]?.id ?? null };
}

const fapi = {
  // Signs out whoever was there, and goes on in the application.
  'GET /v1/tickets/accept': ({ query }) => {
    const { refused } = ticket(query.get('ticket'));
    if (refused) return refused;
    const id = idWith('client');
    clients.set(id, undefined);
    const to = `${customer}/sign-in?__clerk_ticket=${query.get('ticket')}&__clerk_status=sign_in`;
    return redirect(to, { status: 303, cookies: [cookie('__client', id, CLIENT)] });
  },
  'POST /v1/client/sign_ins': ({ form, cookies }) => {
    if (form.get('strategy') !== 'ticket')
      return withCors(refusal(422, 'form_param_value_invalid', 'is invalid'));
    const { token, refused } = ticket(form.get('ticket'));
    if (refused) return withCors(refused);
    token.status = 'accepted';
    const client = clients.has(cookies.__client) ? cookies.__client : idWith('client');
    const id = idWith('sess');
    sessions.set(id, {
      id,
      client,
      user: token.user,
      actor: token.actor,
      status: 'active',
      until: now() + token.lasts,
    });
    clients.set(client, id);
    const response = {
      object: 'sign_in_attempt',
      id: idWith('sia'),
      status: 'complete',
      created_session_id: id,
    };
    return withCors(
      json({ response, client: publicClient(client) }, { cookies: [cookie('__client', client, CLIENT)] }),
    );
  },
  'GET /v1/client': ({ cookies }) =>
    withCors(json({ response: clients.has(cookies.__client) ? publicClient(cookies.__client) : null })),
};

// ── the application, and what clerk-js does in its pages ─────────────────────────────────────────
const sessionOf = ({ cookies }) => {
  const session = sessions.get(tokens.read(cookies.__session)?.sid);
  return isActive(session) ? session : undefined;
};
const enter = `
  const enter = (client) => {
    const session = client?.sessions[0];
    if (!session) return false;
    document.cookie = '__session=' + session.last_active_token.jwt + '; Path=/; SameSite=Lax';
    location.replace('/');
    return true;
  };
  const say = (text) => { document.querySelector('h1').textContent = text; };`;
const app = {
  'GET /': (request) => {
    const session = sessionOf(request);
    if (session) return html(greeting(session.user));
    return html(`<h1></h1><script>${enter}
      fetch('${frontend}/v1/client', { credentials: 'include' })
        .then((answer) => answer.json())
        .then(({ response }) => enter(response) || say('Nobody is signed in'));</script>`);
  },
  'GET /sign-in': () =>
    html(`<h1></h1><script>${enter}
      const ticket = new URLSearchParams(location.search).get('__clerk_ticket');
      history.replaceState(null, '', '/sign-in');
      fetch('${frontend}/v1/client/sign_ins', { method: 'POST', credentials: 'include', body: new URLSearchParams({ strategy: 'ticket', ticket }) })
        .then((answer) => answer.json())
        .then(({ client, errors }) => enter(client) || say(errors[0].message));</script>`),
  'GET /api/me': (request) => {
    const { user, actor } = sessionOf(request) ?? {};
    return user
      ? json({ id: user.id, email: user.email, impersonated_by: actor.sub })
      : json({}, { status: 401 });
  },
};

const active = () => [...sessions.values()].filter(isActive);
const listening = await serve('clerk', {
  routes: api,
  guard,
  sessions: () => active().map(({ user, actor }) => ({ user: user.email, impersonated_by: actor.sub })),
});
const userOfClient = ({ cookies }) => sessions.get(clients.get(cookies.__client))?.user;
frontend = await serve('frontend', { routes: fapi, userOf: userOfClient });
customer = await serve('customer', { routes: app, userOf: (request) => sessionOf(request)?.user });
ready({ listening, frontend, customer, users: idsOf(users) });
