// The users' table of the backends on PostgreSQL.
import { DataTypes, Sequelize } from 'sequelize';
import { setting } from './harness.mjs';
import { USERS } from './people.mjs';

export async function openDatabase() {
  const sequelize = new Sequelize(setting('DATABASE_URL'), { logging: false });
  const model = sequelize.define(
    'users',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      email: { type: DataTypes.TEXT, allowNull: false, unique: true },
      name: { type: DataTypes.TEXT, allowNull: false },
      role: { type: DataTypes.TEXT, allowNull: false },
    },
    { timestamps: false },
  );
  await model.sync();
  await model.bulkCreate(USERS, { ignoreDuplicates: true });
  const findUser = async (id) => (/^\d{1,9}$/.test(id) ? model.findByPk(id, { raw: true }) : null);
  return { sequelize, model, findUser };
}
