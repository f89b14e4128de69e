// The safest login endpoint for Understudy, for Fastify 5. Copy the part between the lines.
// The rest stands in for your application, so that tests can run this very file.
import { createPublicKey, createSecretKey, randomBytes } from 'node:crypto';
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import fastify from 'fastify';
import { jwtVerify } from 'jose';

const app = fastify({ trustProxy: 'loopback' }); // your proxy's address, or no Secure cookie is ever set
// Known once the server listens, unless it is given.
let origin = process.env.APP_ORIGIN;
await app.register(cookie);
await app.register(session, {
  cookieName: 'sid',
  secret: process.env.SESSION_SECRET ?? randomBytes(32).toString('hex'),
  saveUninitialized: false,
  rolling: false,
  cookie: { path: '/', httpOnly: true, sameSite: 'strict', secure: Boolean(origin?.startsWith('https:')) },
});

const users = new Map([
  ['7', { id: 7, email: 'ada@example.com', role: 'customer' }],
  ['8', { id: 8, email: 'root@example.com', role: 'admin' }],
]);
// Compares the ID as text: a database may take '07' or '7abc' for 7.
const findUser = async (id) => users.get(id);

// ── copy from here ───────────────────────────────────────────────────────────────────────────────
const { IMPERSONATION_PUBLIC_KEY: publicKey, IMPERSONATION_KEY: secret = '' } = process.env;
if (!publicKey && Buffer.byteLength(secret) < 32) throw new Error('IMPERSONATION_KEY: at least 32 bytes');
const key = publicKey ? createPublicKey(publicKey) : createSecretKey(secret, 'utf8');
const rules = () => ({
  // Chosen by the key, never by the token.
  algorithms: [{ ed25519: 'EdDSA', ec: 'ES256', rsa: 'RS256' }[key.asymmetricKeyType] ?? 'HS256'],
  issuer: 'understudy',
  audience: origin,
  clockTolerance: 30,
  maxTokenAge: 300, // makes jose check iat too
});

// Token IDs, kept until they expire. With several processes: Redis, SET jti 1 NX EX 360, or a unique column.
const used = new Map();
const useOnce = async (jti, exp) => {
  const now = Date.now() / 1000;
  for (const [id, until] of used) if (until < now) used.delete(id);
  if (used.has(jti)) return false;
  used.set(jti, exp + 30);
  return true;
};

const causeOf = ({ code, claim, reason }) => {
  if (code === 'ERR_JWT_EXPIRED') return 'expired';
  if (claim === 'aud') return 'wrong audience';
  if (claim === 'iat' && reason === 'check_failed') return 'not yet valid (clock skew)';
  return 'invalid signature';
};
const isText = (value) => typeof value === 'string';

/** The token's claims, or { refusal } with the cause that Understudy knows how to explain. */
const verify = async (authorization = '') => {
  const [, token = ''] = /^Bearer (\S+)$/i.exec(authorization) ?? [];
  const { payload, refusal } = await jwtVerify(token, key, rules()).catch((error) => ({ refusal: causeOf(error) }));
  if (refusal) return { refusal };
  const { sub, act, iat, exp, jti, sid, reason } = payload;
  const complete = [sub, act?.sub, jti].every((claim) => isText(claim) && claim) && [sid, reason].every(isText);
  if (!complete || !(exp - iat <= 300)) return { refusal: 'invalid signature' };
  return (await useOnce(jti, exp)) ? payload : { refusal: 'used already' };
};

// Before every route, unknown ones included. The limit is kept here, as a session store may extend it.
app.addHook('preParsing', async (request, reply) => {
  const impersonation = request.session.get('impersonation');
  if (!impersonation) return;
  if (Date.now() > impersonation.until) return request.session.regenerate();
  const reads = ['GET', 'HEAD', 'OPTIONS'].includes(request.method);
  const [path] = request.url.split('?');
  if (impersonation.readOnly && !reads && path !== '/logout') return reply.code(403).send({ error: 'read-only session' });
});

await app.register(async (routes) => {
  // These read no body, whichever type an empty one claims to have.
  routes.removeAllContentTypeParsers();
  routes.addContentTypeParser('*', async (_request, body) => void body.resume());

  // No foreign page can send an Authorization header here without a CORS preflight.
  routes.post('/impersonate', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const { refusal, sub, act, sid, reason, read_only } = await verify(request.headers.authorization);
    if (refusal) return reply.code(401).send({ error: refusal });
    const user = await findUser(sub);
    if (!user) return reply.code(404).send({ error: 'no such user' });
    if (user.role === 'admin') return reply.code(403).send({ error: 'administrators are not impersonated' });
    // A new session ID: one that was planted before is worth nothing (session fixation).
    await request.session.regenerate();
    request.session.set('userId', String(user.id));
    request.session.set('impersonation', { by: act.sub, readOnly: Boolean(read_only), until: Date.now() + 60 * 60 * 1000 });
    request.session.options({ maxAge: 60 * 60 * 1000 });
    console.info(JSON.stringify({ impersonation: user.id, operator: act.sub, reason, sid }));
    return reply.code(204).send();
  });

  routes.post('/logout', async (request, reply) => {
    await request.session.destroy();
    return reply.clearCookie('sid', { path: '/' }).code(204).send();
  });
});

app.get('/api/me', async (request, reply) => {
  reply.header('cache-control', 'no-store');
  const user = await findUser(request.session.get('userId'));
  if (!user) return reply.code(401).send({ error: 'not signed in' });
  const { by = null, readOnly = false } = request.session.get('impersonation') ?? {};
  return { id: user.id, impersonated_by: by, read_only: readOnly };
});
// ── to here ──────────────────────────────────────────────────────────────────────────────────────

const listening = await app.listen({ port: Number(process.env.PORT ?? 0), host: '127.0.0.1' });
origin ??= listening;
console.info(JSON.stringify({ listening }));
