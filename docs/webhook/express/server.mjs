// The safest login endpoint for Understudy, for Express 5. Copy the part between the lines.
// The rest stands in for your application, so that tests can run this very file.
import { createPublicKey, createSecretKey, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import express from 'express';
import session from 'express-session';
import { jwtVerify } from 'jose';

const app = express();
const server = createServer(app);
await new Promise((ready) => server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', ready));
const listening = `http://127.0.0.1:${server.address().port}`;

const origin = process.env.APP_ORIGIN ?? listening;
app.set('trust proxy', 'loopback'); // your proxy's address, or no Secure cookie is ever set
app.use(
  session({
    name: 'sid',
    secret: process.env.SESSION_SECRET ?? randomBytes(32).toString('hex'),
    resave: false,
    saveUninitialized: false,
    cookie: { path: '/', httpOnly: true, sameSite: 'strict', secure: origin.startsWith('https:') },
  }),
);

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
const rules = {
  // Chosen by the key, never by the token.
  algorithms: [{ ed25519: 'EdDSA', ec: 'ES256', rsa: 'RS256' }[key.asymmetricKeyType] ?? 'HS256'],
  issuer: 'understudy',
  audience: origin,
  clockTolerance: 30,
  maxTokenAge: 300, // makes jose check iat too
};

// Token IDs, kept until they expire. With several processes: Redis, SET jti 1 NX EX 360, or a unique column.
const used = new Map();
const useOnce = async (jti, exp) => {
  const now = Date.now() / 1000;
  for (const [id, until] of used) if (until < now) used.delete(id);
  if (used.has(jti)) return false;
  used.set(jti, exp + rules.clockTolerance);
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
  const { payload, refusal } = await jwtVerify(token, key, rules).catch((error) => ({ refusal: causeOf(error) }));
  if (refusal) return { refusal };
  const { sub, act, iat, exp, jti, sid, reason } = payload;
  const complete = [sub, act?.sub, jti].every((claim) => isText(claim) && claim) && [sid, reason].every(isText);
  if (!complete || !(exp - iat <= 300)) return { refusal: 'invalid signature' };
  return (await useOnce(jti, exp)) ? payload : { refusal: 'used already' };
};

// Before every route. The limit is kept here, as the session store would extend it with each request.
app.use((req, res, next) => {
  const { impersonation } = req.session;
  if (!impersonation) return next();
  if (Date.now() > impersonation.until) return req.session.regenerate(next);
  const reads = ['GET', 'HEAD', 'OPTIONS'].includes(req.method);
  if (impersonation.readOnly && !reads && req.path !== '/logout') return res.status(403).json({ error: 'read-only session' });
  next();
});

// No foreign page can send an Authorization header here without a CORS preflight.
app.post('/impersonate', async (req, res) => {
  res.set('cache-control', 'no-store');
  const { refusal, sub, act, sid, reason, read_only } = await verify(req.get('authorization'));
  if (refusal) return res.status(401).json({ error: refusal });
  const user = await findUser(sub);
  if (!user) return res.status(404).json({ error: 'no such user' });
  if (user.role === 'admin') return res.status(403).json({ error: 'administrators are not impersonated' });
  // A new session ID: one that was planted before is worth nothing (session fixation).
  await new Promise((done, fail) => req.session.regenerate((error) => (error ? fail(error) : done())));
  req.session.userId = String(user.id);
  req.session.impersonation = { by: act.sub, readOnly: Boolean(read_only), until: Date.now() + 60 * 60 * 1000 };
  req.session.cookie.maxAge = 60 * 60 * 1000;
  console.info(JSON.stringify({ impersonation: user.id, operator: act.sub, reason, sid }));
  res.sendStatus(204);
});

app.get('/api/me', async (req, res) => {
  res.set('cache-control', 'no-store');
  const user = await findUser(req.session.userId);
  if (!user) return res.status(401).json({ error: 'not signed in' });
  const { by = null, readOnly = false } = req.session.impersonation ?? {};
  res.json({ id: user.id, impersonated_by: by, read_only: readOnly });
});

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.clearCookie('sid').sendStatus(204)));
});
// ── to here ──────────────────────────────────────────────────────────────────────────────────────

console.info(JSON.stringify({ listening }));
