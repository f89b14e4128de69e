// A backend on forest-express-sequelize or -mongoose, laid out as Forest's generator does.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import express from 'express';
import actions from './actions.js';
import { HTML, REFUSAL } from './content.mjs';
import { customerApplication } from './customer.mjs';
import { listen, noted, operatorOf, questions, ready, setting } from './harness.mjs';
import { standIn } from './stand_in.mjs';

export async function serve({ name, findUser, model, objectMapping, connection }) {
  const customer = await customerApplication(findUser);
  // Read when the package is loaded.
  process.env.FOREST_URL = await standIn(actions.map((action) => action.name));
  const { default: forest } = await import(`forest-express-${name}`);

  const app = express();
  app.use(questions(customer.sessions));
  app.use(noted('forest', operatorOf));
  app.use('/forest', (request, response, next) =>
    forest.PUBLIC_ROUTES.includes(request.url) ? next() : forest.ensureAuthenticated(request, response, next),
  );
  app.use(express.json());
  app.use('/forest', routes(forest, model, customer));
  app.use(
    await forest.init({
      configDir: here(name),
      schemaDir: schemaFolder(name),
      envSecret: setting('FOREST_ENV_SECRET'),
      authSecret: setting('FOREST_AUTH_SECRET'),
      objectMapping,
      connections: { default: connection },
    }),
  );
  app.use(forest.errorHandler());
  ready({ listening: await listen(app), customer: customer.url });
}

function routes({ PermissionMiddlewareCreator, RecordsGetter }, model, customer) {
  const router = express.Router();
  const action = (path, answer) =>
    router.post(
      `/actions/${path}`,
      new PermissionMiddlewareCreator('users').smartAction(),
      (request, response, next) => {
        const { user, query, body } = request;
        new RecordsGetter(model, user, query)
          .getIdsFromRequest(request)
          .then(([id]) => answer(response, id, user.email, body.data.attributes.values))
          .catch(next);
      },
    );

  const impersonate = (id, operator, redirectTo, reason) => ({
    webhook: customer.webhook(id, operator, reason),
    success: `Impersonating user ${id}`,
    redirectTo,
  });

  action('impersonate', (response, id, operator) =>
    response.send(impersonate(id, operator, `${customer.url}/`)),
  );
  const withReason = (response, id, operator, values) =>
    values?.Reason
      ? response.send({ ...impersonate(id, operator, '/', `${values.Reason} (${values.Channel})`), html: HTML })
      : response.status(400).send({ error: 'A reason is required' });
  action('impersonate-with-reason', withReason);
  // Forest's own server knows its fields; the backend is never asked for them.
  action('impersonate-as-declared', withReason);
  action('open-as', (response, id, operator) => response.send({ redirectTo: customer.link(id, operator) }));
  action('refuse', (response) => response.status(400).send(REFUSAL));
  action('say', (response) => response.send({ success: 'Looked up', html: HTML }));
  action('refresh', (response) =>
    response.send({ success: 'Changed', refresh: { relationships: ['orders'] } }),
  );
  action('nothing', (response) => response.sendStatus(204));
  action('download', (response) =>
    response.attachment('account.txt').type('text/plain').send('An account\n'),
  );
  return router;
}

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Where the package writes the schema it has found: nothing of the project. */
function schemaFolder(name) {
  const folder = here(`node_modules/.forest-${name}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}
