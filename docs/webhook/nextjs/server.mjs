// Starts the stand-in on a free port and says where; `next start` does as well. Before: npm run build.
import { createServer } from 'node:http';
import next from 'next';

const server = createServer();
await new Promise((ready) => server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', ready));
const { port } = server.address();
const listening = `http://127.0.0.1:${port}`;
process.env.APP_ORIGIN ??= listening;
console.info(JSON.stringify({ listening })); // the first line, as Next.js prints some of its own

const app = next({ dev: false, hostname: '127.0.0.1', port });
const prepared = app.prepare();
server.on('request', async (request, response) => {
  await prepared;
  await app.getRequestHandler()(request, response);
});
