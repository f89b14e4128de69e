// forest-express-sequelize on PostgreSQL.
import { createRequire } from 'node:module';
import { serve } from './legacy.mjs';
import { openDatabase } from './postgres.mjs';

const { sequelize, model, findUser } = await openDatabase();
const objectMapping = createRequire(import.meta.url)('sequelize');
await serve({ name: 'sequelize', findUser, model, objectMapping, connection: sequelize });
