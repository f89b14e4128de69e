// A database's address as other programs write it, read as the URL that a connection file has: JDBC and SQLAlchemy URLs,
// lines of an .env file, and the commands psql, mysql, mariadb, mongosh and sqlite3.
//
// A password in it stays in the URL; who asks takes it out (secrets.ts).

interface Address {
  scheme: string;
  host: string;
  port: string;
  user: string;
  password: string;
  database: string;
  /** `name=value`, encoded. */
  options: string[];
}

const nowhere = { host: "", port: "", user: "", password: "", database: "", options: [] };

/** Options of a JDBC URL that the console knows by another name. All others are the driver's own. */
const JDBC_TLS: Record<string, string> = {
  sslmode: "sslmode",
  sslrootcert: "sslrootcert",
  sslcert: "sslcert",
  sslkey: "sslkey",
};

/** The URL that `text` means; `text` itself if it is one already, or nothing that is known. */
export function readDatabaseUrl(text: string): string {
  const said = unquoted(withoutAssignment(text.trim()));
  if (/^jdbc:/i.test(said)) return fromJdbc(said.slice("jdbc:".length)) ?? text;
  if (/^[a-z][a-z0-9+]*:/i.test(said)) return plain(said) ?? (said === text.trim() ? text : said);
  return fromCommand(words(said)) ?? text;
}

/** `DATABASE_URL=…`, `export DATABASE_URL="…"`, `DATABASE_URL: …`. */
function withoutAssignment(text: string): string {
  const value = /^(?:export\s+|set\s+)?[A-Z][A-Z0-9_]*(?:\s*=\s*|:\s+)("[^"]*"|'[^']*'|[^\s"']+);?$/.exec(
    text,
  )?.[1];
  return value !== undefined && /^["']?[a-z][a-z0-9+]*:/.test(value) ? value : text;
}

function unquoted(text: string): string {
  return /^(["'])(.*)\1;?$/s.exec(text)?.[2]?.trim() ?? text;
}

/** `postgresql+psycopg2://…` without its driver, and one name for each engine; `null`: it is no URL of a database. */
function plain(url: string): string | null {
  const parts = /^([a-z][a-z0-9]*)(\+[a-z0-9_]+)?:(.*)$/is.exec(url);
  const [, name = "", driver, rest = ""] = parts ?? [];
  const scheme = name.toLowerCase();
  if (scheme === "mongodb") return null;
  if (driver === undefined && scheme !== "postgresql") return null;
  if (scheme === "postgresql" || scheme === "postgres") return `postgres:${rest}`;
  if (scheme === "mysql" || scheme === "mariadb" || scheme === "sqlite") return `${scheme}:${rest}`;
  return null;
}

/** What follows `jdbc:`. */
function fromJdbc(url: string): string | null {
  const file = /^sqlite:(\/.*|[a-z]:[\\/].*)$/is.exec(url)?.[1];
  if (file !== undefined) return sqliteFile(file);
  const parts = /^(postgresql|mysql|mariadb):(?:\/\/([^/?#]*)\/?)?([^?#]*)(?:\?([^#]*))?/i.exec(url);
  if (!parts) return null;
  const [, scheme = "", authority = "", database = "", query = ""] = parts;
  const options = query.split("&").map((option) => /^([^=]*)=?(.*)$/s.exec(option) ?? []);
  const option = (name: string) =>
    decoded(options.find(([, key]) => key?.toLowerCase() === name.toLowerCase())?.[2] ?? "");
  const inAuthority = /^(?:([^:@]*)(?::([^@]*))?@)?(.*)$/s.exec(authority) ?? [];
  const isPostgres = scheme.toLowerCase() === "postgresql";
  const tls = options.flatMap(([, key = "", value = ""]) => {
    const known = isPostgres ? JDBC_TLS[key.toLowerCase()] : undefined;
    if (known !== undefined) return [`${known}=${value}`];
    return !isPostgres && key.toLowerCase() === "sslmode" ? [`ssl-mode=${value.toUpperCase()}`] : [];
  });
  return written(
    {
      ...nowhere,
      scheme: isPostgres ? "postgres" : scheme.toLowerCase(),
      user: option("user") || decoded(inAuthority[1] ?? ""),
      password: option("password") || decoded(inAuthority[2] ?? ""),
      database: decoded(database),
      options: tls,
    },
    inAuthority[3] ?? "",
  );
}

function fromCommand(line: string[]): string | null {
  const env: Record<string, string> = {};
  let at = line[0] === "$" ? 1 : 0;
  for (; at < line.length; at++) {
    const set = /^([A-Z][A-Z0-9_]*)=(.*)$/s.exec(line[at] ?? "");
    if (!set) break;
    env[set[1] ?? ""] = set[2] ?? "";
  }
  const program = (line[at] ?? "").replace(/^.*[\\/]/, "").replace(/\.exe$/i, "");
  const rest = line.slice(at + 1);
  if (program === "psql") return fromPsql(rest, env);
  if (program === "mysql" || program === "mariadb") return fromMysql(program, rest, env);
  if (program === "mongosh" || program === "mongo") return fromMongosh(rest);
  if (program === "sqlite3") return sqliteFile(rest.find((word) => !word.startsWith("-")) ?? "");
  return null;
}

function fromPsql(line: string[], env: Record<string, string>): string | null {
  const { options, others } = read(line, {
    host: ["-h", "--host"],
    port: ["-p", "--port"],
    user: ["-U", "--username"],
    database: ["-d", "--dbname"],
  });
  const named = options.database ?? others[0] ?? env["PGDATABASE"] ?? "";
  if (/^postgres(ql)?:/i.test(named)) return plain(named) ?? named;
  // "host=db user=ann", as libpq reads it.
  const pairs: Record<string, string> = {};
  for (const [, key = "", quoted, bare = ""] of named.matchAll(/(\w+)\s*=\s*(?:'([^']*)'|(\S*))/g))
    pairs[key] = quoted ?? bare;
  const host = pairs["host"] ?? options.host ?? env["PGHOST"] ?? "localhost";
  // A folder with a socket is not written as a host.
  if (host.startsWith("/")) return null;
  return written({
    scheme: "postgres",
    host,
    port: pairs["port"] ?? options.port ?? env["PGPORT"] ?? "",
    user: pairs["user"] ?? options.user ?? others[1] ?? env["PGUSER"] ?? "",
    password: pairs["password"] ?? env["PGPASSWORD"] ?? "",
    database: pairs["dbname"] ?? (Object.keys(pairs).length > 0 ? "" : named),
    options: [["sslmode", pairs["sslmode"] ?? env["PGSSLMODE"]] as const].flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
    ),
  });
}

function fromMysql(scheme: string, line: string[], env: Record<string, string>): string {
  // -p alone asks for the password; -psecret and --password=secret give it. A word after it is the database.
  const { options, others } = read(
    line.filter((word) => word !== "-p" && word !== "--password"),
    {
      host: ["-h", "--host"],
      port: ["-P", "--port"],
      user: ["-u", "--user"],
      password: ["-p", "--password"],
      database: ["-D", "--database"],
      socket: ["-S", "--socket"],
      tls: ["--ssl-mode"],
    },
  );
  const { socket, tls } = options;
  return written({
    scheme,
    host: options.host ?? "localhost",
    port: options.port ?? "",
    user: options.user ?? "",
    password: options.password ?? env["MYSQL_PWD"] ?? "",
    database: options.database ?? others[0] ?? "",
    options: [
      ...(socket === undefined ? [] : [`socket=${encodeURIComponent(socket)}`]),
      ...(tls === undefined ? [] : [`ssl-mode=${encodeURIComponent(tls)}`]),
    ],
  });
}

function fromMongosh(line: string[]): string {
  const { options, others } = read(line, {
    host: ["--host"],
    port: ["--port"],
    user: ["-u", "--username"],
    password: ["-p", "--password"],
    source: ["--authenticationDatabase"],
    api: ["--apiVersion"],
  });
  const { user = "", password = "", source } = options;
  const asked = source === undefined ? [] : [`authSource=${encodeURIComponent(source)}`];
  const url = /^(mongodb(?:\+srv)?):\/\/(?:([^@/]*)@)?([^?]*)(?:\?(.*))?$/is.exec(others[0] ?? "");
  if (!url)
    return written({
      scheme: "mongodb",
      host: options.host ?? "localhost",
      port: options.port ?? "",
      user,
      password,
      database: others[0] ?? "",
      options: asked,
    });
  const [, scheme = "", given = "", place = "", query = ""] = url;
  const who = user === "" ? given : userinfo(user, password);
  // A path separates hosts from options.
  const path = place.includes("/") ? place : `${place}/`;
  const all = [...(query === "" ? [] : [query]), ...asked].join("&");
  return `${scheme.toLowerCase()}://${who === "" ? "" : `${who}@`}${path}${all === "" ? "" : `?${all}`}`;
}

function sqliteFile(path: string): string | null {
  if (/^[a-z]:[\\/]/i.test(path)) return `sqlite:///${path.replaceAll("\\", "/")}`;
  return path.startsWith("/") ? `sqlite://${path}` : null;
}

/** The options that are named, each with the word that it takes, and the words that belong to none. */
function read<Name extends string>(
  line: string[],
  names: Record<Name, string[]>,
): { options: Partial<Record<Name, string>>; others: string[] } {
  const options: Partial<Record<Name, string>> = {};
  const others: string[] = [];
  const all = (Object.entries(names) as [Name, string[]][]).flatMap(([name, flags]) =>
    flags.map((flag) => ({ name, flag })),
  );
  for (let at = 0; at < line.length; at++) {
    const word = line[at] ?? "";
    const whole = all.find(({ flag }) => flag === word);
    const joined = all.find(({ flag }) =>
      flag.startsWith("--") ? word.startsWith(`${flag}=`) : !word.startsWith("--") && word.startsWith(flag),
    );
    if (whole) options[whole.name] = line[++at] ?? "";
    else if (joined)
      options[joined.name] = word.slice(joined.flag.length + (joined.flag.startsWith("--") ? 1 : 0));
    else if (!word.startsWith("-")) others.push(word);
  }
  return { options, others };
}

/** A command line's words, as a shell reads them: quotes hold together and are left out. */
function words(line: string): string[] {
  return [...line.replace(/\\\r?\n/g, " ").matchAll(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs)].map(
    ([word]) =>
      word.replace(
        /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs,
        (_, double?: string, single?: string, one?: string) =>
          double === undefined ? (single ?? one ?? "") : double.replace(/\\(["\\$`])/g, "$1"),
      ),
  );
}

/** `authority`: hosts and ports as they are written, in place of one host. */
function written(
  { scheme, host, port, user, password, database, options }: Address,
  authority?: string,
): string {
  const name = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const place = authority ?? (port === "" ? name : `${name}:${port}`);
  const who = userinfo(user, password);
  const query = options.length > 0 ? `?${options.join("&")}` : "";
  return `${scheme}://${who === "" ? "" : `${who}@`}${place === "" ? "localhost" : place}/${encodeURIComponent(database)}${query}`;
}

function userinfo(user: string, password: string): string {
  if (password === "") return encodeURIComponent(user);
  return `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
