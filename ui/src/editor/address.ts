// The parts of a database URL, each as its own field shows it. The URL is what counts: fields are read from it and
// written into it.

export const ENGINES = ["postgres", "mysql", "mariadb", "mongodb", "mongodb+srv", "sqlite"] as const;
export type AddressEngine = (typeof ENGINES)[number];

/** Where each engine listens unless the URL says otherwise. */
export const PORTS: Record<AddressEngine, string> = {
  postgres: "5432",
  mysql: "3306",
  mariadb: "3306",
  mongodb: "27017",
  // The servers and their ports come from DNS.
  "mongodb+srv": "",
  sqlite: "",
};

export interface DatabaseAddress {
  engine: AddressEngine;
  /** Several with their ports, separated by commas, are one text. */
  host: string;
  port: string;
  /** Of SQLite, the file. */
  database: string;
  user: string;
  /** As it is in the URL, until it is moved to the secrets. */
  password: string;
  /** As they are in the URL: `sslmode=require&connect_timeout=5`. */
  options: string;
}

export const NO_ADDRESS: DatabaseAddress = {
  engine: "postgres",
  host: "",
  port: "",
  database: "",
  user: "",
  password: "",
  options: "",
};

/** `null`: it is no URL of a database, or not yet. */
export function readAddress(url: string): DatabaseAddress | null {
  const text = url.trim();
  if (text === "") return NO_ADDRESS;
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+]*):\/\/(.*)$/is.exec(text) ?? [];
  const engine = engineOf(scheme.toLowerCase());
  if (engine === null) return null;
  const [, before = "", options = ""] = /^([^?]*)(?:\?(.*))?$/s.exec(rest) ?? [];
  // On Windows a slash precedes the drive.
  if (engine === "sqlite")
    return { ...NO_ADDRESS, engine, database: before.replace(/^\/([a-z]:)/i, "$1"), options };
  const [, authority = "", database = ""] = /^([^/]*)\/?(.*)$/s.exec(before) ?? [];
  const at = authority.lastIndexOf("@");
  const [, user = "", password = ""] = /^([^:]*):?(.*)$/s.exec(authority.slice(0, Math.max(at, 0))) ?? [];
  const place = authority.slice(at + 1);
  const [, host = "", port = ""] = place.includes(",")
    ? ["", place]
    : (/^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(place) ?? ["", place]);
  return { engine, host, port, database: decoded(database), user: decoded(user), password, options };
}

export function writeAddress(address: DatabaseAddress): string {
  const { engine, database, user, password, options } = address;
  const query = options.trim() === "" ? "" : `?${options.trim().replace(/^\?/, "")}`;
  if (engine === "sqlite") return `sqlite://${fileOf(database.trim())}${query}`;
  const who = encodeURIComponent(user.trim()) + (password === "" ? "" : `:${password}`);
  return `${engine}://${who === "" ? "" : `${who}@`}${placeOf(address)}/${encodeURIComponent(database.trim())}${query}`;
}

/** The same database user, host and database with another engine; what only the former one understands is left out. */
export function withEngine(address: DatabaseAddress, engine: AddressEngine): DatabaseAddress {
  const family = (one: AddressEngine) => one.replace("mariadb", "mysql").replace("+srv", "");
  const isAlike = family(engine) === family(address.engine);
  return {
    ...address,
    engine,
    port:
      engine === "mongodb+srv" || (!isAlike && address.port === PORTS[address.engine]) ? "" : address.port,
    options: isAlike ? address.options : "",
    database: (engine === "sqlite") === (address.engine === "sqlite") ? address.database : "",
  };
}

function engineOf(scheme: string): AddressEngine | null {
  const name = scheme === "postgresql" ? "postgres" : scheme;
  return ENGINES.find((engine) => engine === name) ?? null;
}

function placeOf({ host, port }: DatabaseAddress): string {
  const name = host.replace(/[\s/?#@]/g, "");
  const bare = /^[^[,]*:[^,]*:/.test(name) ? `[${name}]` : name;
  const digits = port.trim().replace(/[\s/?#@:]/g, "");
  // Typed or pasted with its port.
  const hasPort = bare.includes(",") || /[^\]]:\d*$|\]:/.test(bare);
  return hasPort || digits === "" ? bare : `${bare}:${digits}`;
}

function fileOf(path: string): string {
  return /^[a-z]:[\\/]/i.test(path) ? `/${path.replaceAll("\\", "/")}` : path;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
