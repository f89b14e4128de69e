// The smallest safe login endpoint for Understudy, for Express 5. Copy the part between the lines.
// The rest is a stand-in for your application, so that the tests can run this very file.
import { createHash, timingSafeEqual } from 'node:crypto';
import express from 'express';
import session from 'express-session';

const app = express();
app.use(
  session({
    name: 'sid',
    secret: process.env.SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { httpOnly: true, sameSite: 'strict', secure: 'auto' },
  }),
);

const users = new Map([
  ['7', { id: 7, email: 'ada@example.com', role: 'owner' }],
  ['8', { id: 8, email: 'root@example.com', role: 'admin' }],
]);
const findUser = async (id) => users.get(String(id));

// ── copy from here ───────────────────────────────────────────────────────────────────────────────
const digest = (text) => createHash('sha256').update(text).digest();
// Both sides are hashed first, so that neither their content nor their length shows in the time taken.
const isAdminToken = (token) =>
  typeof token === 'string' && timingSafeEqual(digest(token), digest(process.env.ADMIN_TOKEN));

// Only JSON is read, which no foreign page can send here without a CORS preflight.
app.post('/login', express.json({ limit: '10kb' }), async (req, res, next) => {
  const { adminToken, userId, operator, reason } = req.body ?? {};
  if (!isAdminToken(adminToken)) return res.status(401).json({ error: 'wrong admin token' });
  const user = await findUser(userId);
  if (!user) return res.status(404).json({ error: 'no such user' });
  if (user.role === 'admin') return res.status(403).json({ error: 'administrators are not impersonated' });
  // A new session id, so that nobody can have planted it (session fixation).
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.userId = user.id;
    req.session.impersonatedBy = operator;
    req.session.cookie.maxAge = 60 * 60 * 1000;
    console.info(JSON.stringify({ impersonation: user.id, operator, reason }));
    res.json({ ok: true });
  });
});

app.get('/api/me', async (req, res) => {
  const user = req.session.userId === undefined ? undefined : await findUser(req.session.userId);
  if (!user) return res.status(401).json({ error: 'not signed in' });
  res.set('cache-control', 'no-store').json({ id: user.id, impersonatedBy: req.session.impersonatedBy });
});

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.clearCookie('sid').sendStatus(204)));
});
// ── to here ──────────────────────────────────────────────────────────────────────────────────────

const server = app.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  console.info(JSON.stringify({ listening: `http://127.0.0.1:${server.address().port}` }));
});
