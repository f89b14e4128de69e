// The safest login endpoint for Understudy, for Next.js 16 (app router). Copy this file, and the four that
// export from it: app/impersonate/route.js, app/api/me/route.js, app/logout/route.js, proxy.js.
import { createPublicKey, createSecretKey } from 'node:crypto';
import { jwtVerify } from 'jose';
import { NextResponse } from 'next/server';
import { createSession, destroySession, findSession, findUser } from './application.js'; // yours

// Read with the first request: `next build` loads this file too, and has no key.
const rules = () => {
  const { IMPERSONATION_PUBLIC_KEY: publicKey, IMPERSONATION_KEY: secret = '' } = process.env;
  if (!publicKey && Buffer.byteLength(secret) < 32) throw new Error('IMPERSONATION_KEY: at least 32 bytes');
  const key = publicKey ? createPublicKey(publicKey) : createSecretKey(secret, 'utf8');
  return {
    key,
    // Chosen by the key, never by the token.
    algorithms: [{ ed25519: 'EdDSA', ec: 'ES256', rsa: 'RS256' }[key.asymmetricKeyType] ?? 'HS256'],
    issuer: 'understudy',
    audience: process.env.APP_ORIGIN,
    clockTolerance: 30,
    maxTokenAge: 300, // makes jose check iat too
  };
};

// Token IDs, kept until they expire. With several processes, and on any serverless host: Redis,
// SET jti 1 NX EX 360, or a unique column.
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
const verify = async (authorization) => {
  const [, token = ''] = /^Bearer (\S+)$/i.exec(authorization ?? '') ?? [];
  const { key, ...options } = rules();
  const { payload, refusal } = await jwtVerify(token, key, options).catch((error) => ({ refusal: causeOf(error) }));
  if (refusal) return { refusal };
  const { sub, act, iat, exp, jti, sid, reason } = payload;
  const complete = [sub, act?.sub, jti].every((claim) => isText(claim) && claim) && [sid, reason].every(isText);
  if (!complete || !(exp - iat <= 300)) return { refusal: 'invalid signature' };
  return (await useOnce(jti, exp)) ? payload : { refusal: 'used already' };
};

const answer = (status, body) =>
  body ? NextResponse.json(body, { status, headers: { 'cache-control': 'no-store' } })
    : new NextResponse(null, { status, headers: { 'cache-control': 'no-store' } });
const cookie = (value, maxAge) => ({
  name: 'sid',
  value,
  maxAge,
  path: '/',
  httpOnly: true,
  sameSite: 'strict',
  secure: process.env.APP_ORIGIN.startsWith('https:'),
});
const sessionOf = (request) => findSession(request.cookies.get('sid')?.value);

/** proxy.js: before every route, server actions included. Next.js 15 calls it middleware. */
export const proxy = async (request) => {
  const reads = ['GET', 'HEAD', 'OPTIONS'].includes(request.method);
  if (reads || request.nextUrl.pathname === '/logout') return NextResponse.next();
  const session = await sessionOf(request);
  return session?.readOnly ? answer(403, { error: 'read-only session' }) : NextResponse.next();
};

/** POST /impersonate. No foreign page can send an Authorization header here without a CORS preflight. */
export const impersonate = async (request) => {
  const { refusal, sub, act, sid, reason, read_only } = await verify(request.headers.get('authorization'));
  if (refusal) return answer(401, { error: refusal });
  const user = await findUser(sub);
  if (!user) return answer(404, { error: 'no such user' });
  if (user.role === 'admin') return answer(403, { error: 'administrators are not impersonated' });
  // A new session with a new ID: one that was planted before is worth nothing (session fixation).
  await destroySession(request.cookies.get('sid')?.value);
  const life = 60 * 60;
  const session = { userId: String(user.id), impersonatedBy: act.sub, readOnly: Boolean(read_only) };
  const id = await createSession({ ...session, until: Date.now() + life * 1000 });
  console.info(JSON.stringify({ impersonation: user.id, operator: act.sub, reason, sid }));
  const response = answer(204);
  response.cookies.set(cookie(id, life));
  return response;
};

/** GET /api/me */
export const me = async (request) => {
  const session = await sessionOf(request);
  const user = session && (await findUser(session.userId));
  if (!user) return answer(401, { error: 'not signed in' });
  return answer(200, { id: user.id, impersonated_by: session.impersonatedBy ?? null, read_only: session.readOnly ?? false });
};

/** POST /logout */
export const logout = async (request) => {
  await destroySession(request.cookies.get('sid')?.value);
  const response = answer(204);
  response.cookies.set(cookie('', 0));
  return response;
};
