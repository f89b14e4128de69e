// A stand-in for Forest's own server: what the released packages ask of it, and no more.
import express from 'express';
import { listen } from './harness.mjs';
import { OPERATORS, ROLES } from './people.mjs';

/** Knows the rendering 1, the collection `users` and these actions of it. */
export async function standIn(actions) {
  const app = express();

  app.get('/liana/v1/ip-whitelist-rules', (request, response) => {
    const attributes = { use_ip_whitelist: false, rules: [] };
    response.json({ data: { type: 'ip-whitelist-rules', id: '1', attributes } });
  });

  // The schema: asked whether it changed, then sent.
  app.post('/forest/apimaps/hashcheck', (request, response) => response.json({ sendSchema: true }));
  app.post('/forest/apimaps', (request, response) => response.sendStatus(204));

  app.get('/liana/v4/permissions/environment', (request, response) => {
    const collection = Object.fromEntries(
      ['browse', 'read', 'edit', 'add', 'delete', 'export'].map((right) => [`${right}Enabled`, true]),
    );
    const action = {
      triggerEnabled: { roles: [ROLES.support, ROLES.supervised] },
      triggerConditions: [],
      approvalRequired: { roles: [ROLES.supervised] },
      approvalRequiredConditions: [],
      userApprovalEnabled: { roles: [ROLES.approver] },
      userApprovalConditions: [],
      selfApprovalEnabled: { roles: [] },
    };
    const each = Object.fromEntries(actions.map((name) => [name, action]));
    response.json({ collections: { users: { collection, actions: each } } });
  });

  app.get('/liana/v4/permissions/users', (request, response) => {
    const facts = ({ firstName, lastName, ...operator }) => ({
      ...operator,
      firstName,
      lastName,
      fullName: `${firstName} ${lastName}`,
      permissionLevel: 'user',
      tags: {},
    });
    response.json(OPERATORS.map(facts));
  });

  app.get('/liana/v4/permissions/renderings/1', (request, response) => {
    const users = { scope: null, segments: [], liveQuerySegments: [] };
    response.json({ team: { id: 1, name: 'Support' }, collections: { users }, stats: [] });
  });

  // Newer backends are told of changed permissions through this; it stays open.
  app.get('/liana/v4/subscribe-to-events', (request, response) => {
    response.type('text/event-stream').write('event: heartbeat\ndata: {}\n\n');
  });

  return listen(app);
}
