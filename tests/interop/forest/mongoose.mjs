// forest-express-mongoose on MongoDB.
import mongoose from 'mongoose';
import { setting } from './harness.mjs';
import { serve } from './legacy.mjs';
import { USERS } from './people.mjs';

await mongoose.connect(setting('MONGODB_URL'));
const model = mongoose.model(
  'users',
  new mongoose.Schema({
    email: { type: String, required: true, unique: true },
    name: { type: String, required: true },
    role: { type: String, required: true },
  }),
);
for (const user of USERS) await model.updateOne({ email: user.email }, user, { upsert: true });

const findUser = async (id) => (mongoose.isValidObjectId(id) ? model.findById(id) : null);
await serve({ name: 'mongoose', findUser, model, objectMapping: mongoose, connection: mongoose.connection });
