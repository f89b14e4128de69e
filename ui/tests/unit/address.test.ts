// A database URL and the fields for its parts: each is written from the other, and nothing is lost between them.
import { expect, test } from "vitest";
import { NO_ADDRESS, readAddress, withEngine, writeAddress } from "../../src/editor/address";

test.each([
  [
    "postgres://readonly@db.acme.internal/acme",
    { host: "db.acme.internal", user: "readonly", database: "acme" },
  ],
  [
    "postgres://db:6432/a?sslmode=require",
    { host: "db", port: "6432", database: "a", options: "sslmode=require" },
  ],
  ["mysql://a%20b@db/shop%2F1", { engine: "mysql", host: "db", user: "a b", database: "shop/1" }],
  ["mariadb://[::1]:3307/shop", { engine: "mariadb", host: "[::1]", port: "3307", database: "shop" }],
  [
    "mongodb://a:1,b:2/db?replicaSet=rs",
    { engine: "mongodb", host: "a:1,b:2", database: "db", options: "replicaSet=rs" },
  ],
  [
    "mongodb+srv://kim@cluster.acme.example/",
    { engine: "mongodb+srv", user: "kim", host: "cluster.acme.example" },
  ],
  ["sqlite:///srv/users.sqlite", { engine: "sqlite", database: "/srv/users.sqlite" }],
  ["sqlite:///C:/data/users.db", { engine: "sqlite", database: "C:/data/users.db" }],
  ["postgres://kim:s3cret%2F@db/acme", { user: "kim", password: "s3cret%2F", host: "db", database: "acme" }],
])("%s is read and written", (url, parts) => {
  const read = readAddress(url);
  expect(read).toEqual({ ...NO_ADDRESS, ...parts });
  expect(writeAddress(read ?? NO_ADDRESS)).toBe(url);
});

test("other spellings of an engine are the same one, and half a URL shows what it has", () => {
  expect(readAddress("postgresql://db")).toEqual({ ...NO_ADDRESS, host: "db" });
  expect(readAddress("postgres://db:")).toEqual({ ...NO_ADDRESS, host: "db" });
  expect(readAddress(" ")).toEqual(NO_ADDRESS);
  for (const other of ["db.acme.internal", "psql -h db", "https://acme.example", "postgres:db"])
    expect(readAddress(other)).toBeNull();
});

test.each([
  [{ host: "db.acme.internal:6432" }, "postgres://db.acme.internal:6432/"],
  [{ host: "db.acme.internal:6432", port: "1" }, "postgres://db.acme.internal:6432/"],
  [{ host: " db/acme ", port: " 54 32" }, "postgres://dbacme:5432/"],
  [{ host: "::1", port: "5432" }, "postgres://[::1]:5432/"],
  [{ user: "kim@acme", host: "db", database: "a b" }, "postgres://kim%40acme@db/a%20b"],
  [{ host: "db", options: "?sslmode=require" }, "postgres://db/?sslmode=require"],
  [{ engine: "sqlite" as const, database: "C:\\data\\users.db" }, "sqlite:///C:/data/users.db"],
])("%j is written so that it is read again", (parts, url) => {
  expect(writeAddress({ ...NO_ADDRESS, ...parts })).toBe(url);
});

test("another engine keeps what it has in common", () => {
  const written = {
    ...NO_ADDRESS,
    host: "db",
    port: "5432",
    user: "kim",
    database: "acme",
    options: "sslmode=require",
  };
  expect(writeAddress(withEngine(written, "mysql"))).toBe("mysql://kim@db/acme");
  expect(writeAddress(withEngine({ ...written, port: "6432" }, "mysql"))).toBe("mysql://kim@db:6432/acme");
  const mysql = { ...written, engine: "mysql" as const, port: "3306", options: "ssl-mode=REQUIRED" };
  expect(writeAddress(withEngine(mysql, "mariadb"))).toBe("mariadb://kim@db:3306/acme?ssl-mode=REQUIRED");
  expect(writeAddress(withEngine(written, "sqlite"))).toBe("sqlite://");
});
