// A stand-in for your application's users and sessions. Next.js has none of its own: keep yours in a database,
// where signing out can delete them. A signed cookie alone would stay valid.
import { randomUUID } from 'node:crypto';

const users = new Map([
  ['7', { id: 7, email: 'ada@example.com', role: 'customer' }],
  ['8', { id: 8, email: 'root@example.com', role: 'admin' }],
]);
// Compares the ID as text: a database may take '07' or '7abc' for 7.
export const findUser = async (id) => users.get(id);

// Next.js loads this file once for the routes and once for the proxy.
const sessions = (globalThis.sessions ??= new Map());
export const createSession = async (session) => {
  const id = randomUUID();
  sessions.set(id, session);
  return id;
};
export const findSession = async (id) => {
  const session = sessions.get(id);
  if (session && Date.now() > session.until) sessions.delete(id);
  return sessions.get(id);
};
export const destroySession = async (id) => void sessions.delete(id);
