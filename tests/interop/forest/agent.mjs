// @forestadmin/agent on PostgreSQL.
import { createAgent } from '@forestadmin/agent';
import { createSequelizeDataSource } from '@forestadmin/datasource-sequelize';
import express from 'express';
import { HTML, REFUSAL } from './content.mjs';
import { customerApplication } from './customer.mjs';
import { listen, noted, operatorOf, questions, ready, setting } from './harness.mjs';
import { openDatabase } from './postgres.mjs';
import { standIn } from './stand_in.mjs';

const { sequelize, findUser } = await openDatabase();
const customer = await customerApplication(findUser);

const impersonate = async (context, result, reason) => {
  const id = await context.getRecordId();
  const { url, method, headers, body } = customer.webhook(id, context.caller.email, reason);
  return result.webhook(url, method, headers, body);
};

// In this order: the position is a part of each action's address.
const ACTIONS = {
  Impersonate: { execute: (context, result) => impersonate(context, result) },
  'Impersonate with reason': {
    form: [
      {
        label: 'Reason',
        type: 'String',
        isRequired: true,
        description: 'Why do you sign in as this customer?',
      },
      {
        label: 'Channel',
        type: 'Enum',
        enumValues: ['Phone', 'E-mail', 'Chat'],
        defaultValue: () => 'E-mail',
      },
      {
        label: 'Number',
        type: 'Number',
        isRequired: true,
        if: (context) => context.formValues.Channel === 'Phone',
      },
    ],
    execute: (context, result) => {
      const { Reason: reason, Channel: channel, Number: number } = context.formValues;
      return reason
        ? impersonate(context, result, `${reason} (${[channel, number].filter(Boolean).join(' ')})`)
        : result.error('A reason is required');
    },
  },
  'Open as': {
    execute: async (context, result) =>
      result.redirectTo(customer.link(await context.getRecordId(), context.caller.email)),
  },
  Refuse: { execute: (context, result) => result.error(REFUSAL.error, { html: REFUSAL.html }) },
  Say: { execute: (context, result) => result.success('Looked up', { html: HTML }) },
  Refresh: { execute: (context, result) => result.success('Changed', { invalidated: ['orders'] }) },
  Nothing: { execute: () => {} },
  Download: {
    generateFile: true,
    execute: (context, result) => result.file('An account\n', 'account.txt', 'text/plain'),
  },
};

const agent = createAgent({
  authSecret: setting('FOREST_AUTH_SECRET'),
  envSecret: setting('FOREST_ENV_SECRET'),
  forestServerUrl: await standIn(Object.keys(ACTIONS)),
  isProduction: false,
  skipSchemaUpdate: true,
});
agent.addDataSource(createSequelizeDataSource(sequelize));
agent.customizeCollection('users', (users) => {
  for (const [name, action] of Object.entries(ACTIONS)) users.addAction(name, { scope: 'Single', ...action });
});

const app = express();
app.use(questions(customer.sessions));
app.use(noted('forest', operatorOf));
agent.mountOnExpress(app);
await agent.start();
ready({ listening: await listen(app), customer: customer.url });
