// The customers' application: signed in to by a webhook with the admin token, or by a one-time link.
import { randomUUID } from 'node:crypto';
import express from 'express';
import session from 'express-session';
import { listen, noted, questions, setting } from './harness.mjs';

const COOKIE = { httpOnly: true, sameSite: 'strict', path: '/' };

/** Starts it on an origin of its own; `findUser` reads a user by the id, which arrives as text. */
export async function customerApplication(findUser) {
  const adminToken = setting('ADMIN_TOKEN');
  const store = new session.MemoryStore();
  const links = new Map();

  const sessions = async () => {
    const all = await new Promise((resolve, reject) =>
      store.all((error, found) => (error ? reject(error) : resolve(Object.values(found)))),
    );
    return all
      .filter(({ user }) => user)
      .map(({ user, by, reason }) => ({ user: user.email, impersonated_by: by ?? null, reason }));
  };

  const signIn = async (request, { userId, operator, reason }) => {
    const user = await findUser(String(userId));
    if (!user) return 404;
    if (user.role === 'admin') return 403;
    // A new session id, so that nobody can have planted it.
    await new Promise((resolve, reject) =>
      request.session.regenerate((error) => (error ? reject(error) : resolve())),
    );
    request.session.user = { id: user.id, email: user.email, name: user.name };
    Object.assign(request.session, { by: operator, reason });
    return 200;
  };

  const app = express();
  app.use(questions(sessions));
  app.use(
    session({
      name: 'sid',
      secret: randomUUID(),
      store,
      cookie: COOKIE,
      resave: false,
      saveUninitialized: false,
    }),
  );
  app.use(noted('customer', (request) => request.session.user?.email ?? null));

  app.post('/login', express.json(), (request, response, next) => {
    if (request.body.adminToken !== adminToken)
      return response.status(401).json({ error: 'wrong admin token' });
    const answer = (status) =>
      response.status(status).json(status === 200 ? { ok: true } : { error: WHY[status] });
    return signIn(request, request.body).then(answer, next);
  });

  app.get('/enter/:token', (request, response, next) => {
    const link = links.get(request.params.token);
    links.delete(request.params.token);
    if (!link) return response.status(410).send('This link has been used.');
    const answer = (status) =>
      status === 200 ? response.redirect('/') : response.status(status).send(WHY[status]);
    return signIn(request, link).then(answer, next);
  });

  app.get('/', (request, response) => {
    const { user } = request.session;
    if (!user) return response.redirect('/sign-in');
    return response.send(
      `<!doctype html><title>Home</title><p>Signed in as ${escaped(`${user.name} <${user.email}>`)}</p>`,
    );
  });

  app.get('/sign-in', (request, response) =>
    response.send('<!doctype html><title>Sign in</title><p>Nobody is signed in</p>'),
  );

  app.get('/api/me', (request, response) => {
    const { user, by } = request.session;
    if (!user) return response.status(401).json({ error: 'nobody is signed in' });
    return response.json({ id: user.id, email: user.email, impersonated_by: by ?? null });
  });

  app.post('/logout', (request, response, next) => {
    request.session.destroy((error) =>
      error ? next(error) : response.clearCookie('sid', COOKIE).sendStatus(204),
    );
  });

  const url = await listen(app);
  return {
    url,
    sessions,
    /** An address that signs in once. */
    link(userId, operator) {
      const token = randomUUID();
      links.set(token, { userId, operator });
      return `${url}/enter/${token}`;
    },
    /** The request that signs in, for the operator's browser to send. */
    webhook: (userId, operator, reason) => ({
      url: `${url}/login`,
      method: 'POST',
      headers: {},
      body: { adminToken, userId, operator, reason },
    }),
  };
}

const WHY = { 403: 'administrators are not impersonated', 404: 'no such user' };
const escaped = (text) => text.replace(/[&<>"]/g, (found) => `&#${found.charCodeAt(0)};`);
