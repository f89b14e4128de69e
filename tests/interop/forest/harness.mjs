// What the tests need of each server, and no application has: one line when it is ready, a journal, an end.
const toStdout = process.stdout.write.bind(process.stdout);
// The packages log to standard output, where the tests expect that one line alone.
process.stdout.write = process.stderr.write.bind(process.stderr);

export const ready = (facts) => toStdout(`${JSON.stringify(facts)}\n`);

// The tests hold the other end: when they are gone, however they ended, so is the server.
process.stdin.on('close', () => process.exit()).resume();

export const listen = (app) =>
  new Promise((resolve) => {
    const server = app.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });

export const setting = (name) => {
  if (!process.env[name]) throw new Error(`${name} is not set`);
  return process.env[name];
};

const journal = [];

/** Notes each request that `server` answers; `userOf` says who it was signed in as. */
export const noted = (server, userOf) => (request, response, next) => {
  const user = userOf(request);
  response.on('finish', () => {
    journal.push({
      server,
      method: request.method,
      path: request.originalUrl,
      cookies: namesIn((request.headers.cookie ?? '').split(';')),
      origin: request.headers.origin ?? null,
      status: response.statusCode,
      set_cookie: namesIn([response.getHeader('set-cookie') ?? []].flat()),
      user: response.statusCode === 401 ? null : user,
    });
  });
  next();
};

/** The tests' own questions, at both the backend and the customers' application. */
export const questions = (sessions) => (request, response, next) => {
  if (request.path === '/__test/journal') return response.json(journal);
  if (request.path === '/__test/sessions') return sessions().then((all) => response.json(all), next);
  return next();
};

/** The journal's word for who asks: what the token claims, for what was answered with anything but 401. */
export function operatorOf({ headers }) {
  const [, claims] = headers.authorization?.split('.') ?? [];
  try {
    return JSON.parse(Buffer.from(claims, 'base64url')).email;
  } catch {
    return null;
  }
}

const namesIn = (cookies) => cookies.map((cookie) => cookie.split('=')[0].trim()).filter(Boolean);
