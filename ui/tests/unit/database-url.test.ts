// Addresses of databases as other programs write them.
import { describe, expect, test } from "vitest";
import { readDatabaseUrl } from "../../src/editor/database-url";
import { withoutPassword } from "../../src/editor/secrets";

test.each([
  // JDBC
  ["jdbc:postgresql://db.acme.example:6432/acme", "postgres://db.acme.example:6432/acme"],
  [
    "jdbc:postgresql://db/acme?user=ann&password=p%40ss&sslmode=verify-full&ApplicationName=x",
    "postgres://ann:p%40ss@db/acme?sslmode=verify-full",
  ],
  ["jdbc:postgresql://a:5432,b:5433/acme?targetServerType=any", "postgres://a:5432,b:5433/acme"],
  ["jdbc:postgresql:acme", "postgres://localhost/acme"],
  ["jdbc:mysql://ann:secret@db:3307/shop?useSSL=true", "mysql://ann:secret@db:3307/shop"],
  ["jdbc:mysql://db/shop?user=ann&sslMode=verify_ca", "mysql://ann@db/shop?ssl-mode=VERIFY_CA"],
  ["jdbc:mariadb://db/shop", "mariadb://db/shop"],
  ["jdbc:sqlite:/var/lib/shop.db", "sqlite:///var/lib/shop.db"],
  ["jdbc:sqlite:C:\\shop\\shop.db", "sqlite:///C:/shop/shop.db"],
  // SQLAlchemy and Django
  ["postgresql+psycopg2://ann:secret@db/acme", "postgres://ann:secret@db/acme"],
  ["postgresql+asyncpg://db/acme?sslmode=require", "postgres://db/acme?sslmode=require"],
  ["postgresql://ann@db/acme", "postgres://ann@db/acme"],
  ["mysql+pymysql://ann@db:3306/shop", "mysql://ann@db:3306/shop"],
  ["sqlite+aiosqlite:////var/shop.db", "sqlite:////var/shop.db"],
  // Lines of an .env file
  ["DATABASE_URL=postgres://ann@db/acme", "postgres://ann@db/acme"],
  ['export DATABASE_URL="postgresql://ann:s@db/acme"', "postgres://ann:s@db/acme"],
  ["SPRING_DATASOURCE_URL=jdbc:mysql://db/shop", "mysql://db/shop"],
  ["MONGO_URL='mongodb+srv://ann@c0.example/shop'", "mongodb+srv://ann@c0.example/shop"],
  ["DATABASE_URL: postgres://ann@db/acme", "postgres://ann@db/acme"],
  // psql
  ["psql -h db.acme.example -p 6432 -U readonly acme", "postgres://readonly@db.acme.example:6432/acme"],
  ["$ psql --host=db --username=ann --dbname=acme", "postgres://ann@db/acme"],
  [
    "PGPASSWORD='a b' PGSSLMODE=require psql -hdb -Uann -dacme",
    "postgres://ann:a%20b@db/acme?sslmode=require",
  ],
  ['psql "postgresql://ann:s@db/acme"', "postgres://ann:s@db/acme"],
  [
    "psql \"host=db port=6432 user=ann password='a b' dbname=acme sslmode=verify-full\"",
    "postgres://ann:a%20b@db:6432/acme?sslmode=verify-full",
  ],
  ["psql acme ann", "postgres://ann@localhost/acme"],
  ["psql -h 2001:db8::1 acme", "postgres://[2001:db8::1]/acme"],
  ["psql \\\n  -h db \\\n  acme", "postgres://db/acme"],
  // mysql and mariadb
  ["mysql -h db -P 3307 -u ann -p shop", "mysql://ann@db:3307/shop"],
  ["mysql -h db -u ann -psecret shop", "mysql://ann:secret@db/shop"],
  ["mariadb --host=db --user=ann --password=p@ss --database=shop", "mariadb://ann:p%40ss@db/shop"],
  [
    "mysql -u ann -S /run/mysqld/mysqld.sock shop",
    "mysql://ann@localhost/shop?socket=%2Frun%2Fmysqld%2Fmysqld.sock",
  ],
  // mongosh
  [
    'mongosh "mongodb+srv://c0.example/shop" --apiVersion 1 --username ann',
    "mongodb+srv://ann@c0.example/shop",
  ],
  ["mongosh 'mongodb://a:1,b:2/shop?replicaSet=rs0'", "mongodb://a:1,b:2/shop?replicaSet=rs0"],
  [
    "mongosh --host db --port 27018 -u ann -p s --authenticationDatabase admin shop",
    "mongodb://ann:s@db:27018/shop?authSource=admin",
  ],
  ["mongosh mongodb://db --authenticationDatabase admin -u ann", "mongodb://ann@db/?authSource=admin"],
  // sqlite3
  ["sqlite3 -readonly /var/lib/shop.db", "sqlite:///var/lib/shop.db"],
])("%s", (written, url) => {
  expect(readDatabaseUrl(written)).toBe(url);
});

test.each([
  "",
  "  ",
  "postgres://readonly@db.acme.internal/acme",
  "mysql://ann@db/shop?ssl-mode=REQUIRED",
  "mongodb+srv://c0.example/shop",
  "sqlite:///C:/shop.db",
  "db.acme.example",
  "psql -h /var/run/postgresql acme",
  "sqlite3 shop.db",
  "jdbc:oracle:thin:@db:1521:x",
  "redis://db/0",
])("%j stays as it is", (written) => {
  expect(readDatabaseUrl(written)).toBe(written);
});

describe("for any parts", () => {
  /** Numbers that look arbitrary and are the same each time. */
  function* arbitrary(): Generator<number> {
    for (let state = 11; ;) yield (state = (state * 48_271) % 2_147_483_647);
  }
  const numbers = arbitrary();
  const signs = "abzAZ09 @:/?#&=%'\"\\$é名";
  const text = () =>
    Array.from({ length: 1 + ((numbers.next().value as number) % 8) }, () =>
      signs.charAt((numbers.next().value as number) % signs.length),
    ).join("");
  const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

  test("a URL that was read stays as it is", () => {
    for (let turn = 0; turn < 500; turn++) {
      const once = readDatabaseUrl(
        `psql -h db -U ${quoted(text())} -d ${quoted(`x${text().replaceAll("=", "")}`)}`,
      );
      expect(readDatabaseUrl(once)).toBe(once);
    }
  });

  test("a password leaves the URL whole, and is what it was", () => {
    for (let turn = 0; turn < 500; turn++) {
      const password = text();
      const commands = [
        `PGPASSWORD=${quoted(password)} psql -h db -U ann acme`,
        `mysql -h db -u ann --password=${quoted(password)} acme`,
        `mongosh --host db -u ann -p ${quoted(password)} acme`,
        `jdbc:postgresql://db/acme?user=ann&password=${encodeURIComponent(password)}`,
      ];
      for (const command of commands) {
        const taken = withoutPassword(readDatabaseUrl(command));
        expect(taken?.password).toBe(password);
        expect(taken?.url).toMatch(/^[a-z]+:\/\/ann@db\/acme$/);
      }
    }
  });
});
