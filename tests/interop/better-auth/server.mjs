// An application on Better Auth with its admin plugin, for the tests of the sign-in recipe. The part
// between the lines is how such an application is set up; the rest lets the tests look on.
//
// DATABASE_URL                         an empty PostgreSQL database
// OPERATOR_EMAIL, OPERATOR_PASSWORD    who may impersonate
// OPERATOR_ROLE                        `support` (default: may impersonate, nothing else), `admin` or `user`
// CUSTOMER_PASSWORD                    everybody else's password
// BASE_URL                             what the application calls itself; default: where it listens
// TRUSTED_ORIGINS                      further origins, comma-separated
// TLS_CERT, TLS_KEY                    PEM files: listens with TLS
// IMPERSONATION_SECONDS, SESSION_SECONDS    how long these and ordinary sessions last; default: the package's
// COOKIE_CACHE=1, BEARER=1             the package's session cache cookie; its bearer plugin
// IMPERSONATE_DELAY_MS                 the impersonation's answer comes so much later than its session
// NODE_ENV=production                  the package's rate limits
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { betterAuth } from 'better-auth';
import { createAuthMiddleware } from 'better-auth/api';
import { getMigrations } from 'better-auth/db/migration';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { admin, bearer } from 'better-auth/plugins';
import { adminAc, defaultAc, userAc } from 'better-auth/plugins/admin/access';
import pg from 'pg';

const env = process.env;
const seconds = (text) => (text ? Number(text) : undefined);

const server = env.TLS_KEY
  ? createTlsServer({ cert: readFileSync(env.TLS_CERT), key: readFileSync(env.TLS_KEY) })
  : createServer();
await once(server.listen(0, '127.0.0.1'), 'listening');
const listening = `${env.TLS_KEY ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;

// ── the application ──────────────────────────────────────────────────────────────────────────────
const auth = betterAuth({
  baseURL: env.BASE_URL || listening,
  secret: randomBytes(32).toString('hex'),
  trustedOrigins: env.TRUSTED_ORIGINS?.split(','),
  logger: { log: (level, ...rest) => console.error(level, ...rest) },
  database: new pg.Pool({ connectionString: env.DATABASE_URL }),
  emailAndPassword: { enabled: true },
  session: { expiresIn: seconds(env.SESSION_SECONDS), cookieCache: { enabled: env.COOKIE_CACHE === '1' } },
  plugins: [
    admin({
      roles: { admin: adminAc, user: userAc, support: defaultAc.newRole({ user: ['impersonate'], session: [] }) },
      // Whoever has one of these roles cannot be impersonated.
      adminRoles: ['admin', 'support'],
      impersonationSessionDuration: seconds(env.IMPERSONATION_SECONDS),
    }),
    ...(env.BEARER === '1' ? [bearer()] : []),
  ],
  hooks: {
    after: createAuthMiddleware(async ({ path }) => {
      if (path === '/admin/impersonate-user') await sleep(Number(env.IMPERSONATE_DELAY_MS ?? 0));
    }),
  },
});
const betterAuthHandler = toNodeHandler(auth);
const asHtml = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

function answer(res, status, type, body) {
  res.writeHead(status, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-store' }).end(body);
}
const json = (res, status, body) => answer(res, status, 'application/json', JSON.stringify(body));

async function handle(req, res, path) {
  if (path.startsWith('/api/auth/')) return betterAuthHandler(req, res);
  const signedIn = await auth.api.getSession({ headers: fromNodeHeaders(req.headers) });
  if (path === '/api/me') {
    if (!signedIn) return json(res, 401, { error: 'nobody is signed in' });
    const { user, session } = signedIn;
    return json(res, 200, { id: user.id, email: user.email, impersonated_by: session.impersonatedBy });
  }
  if (path !== '/') return answer(res, 404, 'text/plain', 'no such page');
  if (!signedIn) return answer(res, 401, 'text/html', '<!doctype html><title>Sign in</title><h1>Please sign in</h1>');
  const who = asHtml(`${signedIn.user.name} <${signedIn.user.email}>`);
  return answer(res, 200, 'text/html', `<!doctype html><title>Account</title><h1>Signed in as ${who}</h1>`);
}
// ── to here ──────────────────────────────────────────────────────────────────────────────────────

await (await getMigrations(auth.options)).runMigrations();
const users = {};
for (const [name, email, role, password, more] of [
  ['Ada Moreau', 'ada@example.com', 'user', env.CUSTOMER_PASSWORD],
  ['Bo Lindqvist', 'bo@example.com', 'user', env.CUSTOMER_PASSWORD],
  ['Cy Banned', 'cy@example.com', 'user', env.CUSTOMER_PASSWORD, { banned: true, banReason: 'spam' }],
  ['Root', 'root@example.com', 'admin', env.CUSTOMER_PASSWORD],
  ['Olga Operator', env.OPERATOR_EMAIL, env.OPERATOR_ROLE || 'support', env.OPERATOR_PASSWORD],
]) {
  users[email] = (await auth.api.createUser({ body: { name, email, role, password, data: more } })).user.id;
}
const emailOf = (id) => Object.keys(users).find((email) => users[email] === id) ?? null;

const journal = [];
async function sessions() {
  const rows = await (await auth.$context).adapter.findMany({ model: 'session', limit: 10_000 });
  return rows
    .filter(({ expiresAt }) => expiresAt > new Date())
    .map(({ userId, impersonatedBy, expiresAt }) => ({
      user: emailOf(userId),
      impersonated_by: emailOf(impersonatedBy),
      expires_in: Math.round((expiresAt - Date.now()) / 1000),
    }));
}

const cookieNames = (lines) => lines.map((line) => line.split('=')[0].trim());
async function write(req, res, path) {
  const cookies = cookieNames(req.headers.cookie?.split(';') ?? []);
  const entry = { method: req.method, path, cookies, origin: req.headers.origin ?? null, status: null, set_cookie: [] };
  journal.push(entry);
  res.once('finish', () => {
    entry.status = res.statusCode;
    entry.set_cookie = cookieNames([res.getHeader('set-cookie') ?? []].flat());
  });
  // Looking on must not prolong the session.
  const query = { disableRefresh: true };
  entry.user = (await auth.api.getSession({ headers: fromNodeHeaders(req.headers), query }))?.user.email ?? null;
}

server.on('request', async (req, res) => {
  try {
    const path = new URL(req.url, listening).pathname;
    if (path === '/__test/journal') return json(res, 200, journal);
    if (path === '/__test/sessions') return json(res, 200, await sessions());
    await write(req, res, path);
    await handle(req, res, path);
  } catch (error) {
    console.error(error);
    if (!res.headersSent) answer(res, 500, 'text/plain', 'failed');
  }
});
// The tests hold the other end: no server is left behind when they are gone.
process.stdin.on('end', () => process.exit()).resume();
process.stdout.write(`${JSON.stringify({ listening, auth: `${listening}/api/auth`, users })}\n`);
