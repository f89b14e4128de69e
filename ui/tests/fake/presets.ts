// Some of the sign-ins that Rust knows by name, and what trying one came to.
import type { Exchange } from "../../src/bindings/Exchange";
import type { Preset } from "../../src/bindings/Preset";
import type { SignInTestReport } from "../../src/bindings/SignInTestReport";

export const presets: Preset[] = [
  {
    name: "webhook",
    title: "Your own login endpoint",
    about:
      "The session window sends a token, signed for this one sign-in, to an endpoint of your application and receives the cookies. This is the safest way. docs/webhook has the endpoint for nine frameworks.",
    settings: [
      {
        name: "app",
        label: "Application",
        help: "The application's address, as customers open it.",
        kind: "url",
        default: null,
        example: "https://app.example.com",
      },
      {
        name: "endpoint",
        label: "Login endpoint",
        help: "The endpoint's path in the application.",
        kind: "path",
        default: "/impersonate",
        example: null,
      },
      {
        name: "me",
        label: "Current-user endpoint",
        help: "A path that returns the signed-in user as JSON. It is requested before the page is shown.",
        kind: "path",
        default: "/api/me",
        example: null,
      },
      {
        name: "me_id",
        label: "Path to the user ID",
        help: "Where the user ID is in that JSON.",
        kind: "names",
        default: "id",
        example: null,
      },
      {
        name: "logout",
        label: "Sign-out",
        help: "The path that ends the session, by POST.",
        kind: "path",
        default: "/logout",
        example: null,
      },
    ],
    secrets: [
      {
        name: "impersonation_key",
        help: "The key that signs the tokens: 32 characters or more (`openssl rand -base64 32`), or a private key in PEM format whose public key the endpoint has.",
      },
    ],
  },
  {
    name: "better-auth",
    title: "Better Auth",
    about:
      "The console signs in with an account that can impersonate, requests a session for the user from the admin plugin, and puts only that session into the window. The account's own session ends at once.",
    settings: [
      {
        name: "app",
        label: "Application",
        help: "The application's address, as customers open it.",
        kind: "url",
        default: null,
        example: "https://app.example.com",
      },
      {
        name: "api",
        label: "Better Auth",
        help: "Where Better Auth is mounted, below the application's address.",
        kind: "path",
        default: "/api/auth",
        example: null,
      },
      {
        name: "operator",
        label: "Operator's email",
        help: "An account whose role can impersonate users.",
        kind: "text",
        default: null,
        example: "support@example.com",
      },
      {
        name: "cookies",
        label: "Cookies",
        help: "How their names begin: `__Secure-better-auth.` if the application is served over https.",
        kind: "text",
        default: "better-auth.",
        example: null,
      },
    ],
    secrets: [
      {
        name: "operator_password",
        help: "The password of that account.",
      },
    ],
  },
  {
    name: "django-loginas",
    title: "django-loginas",
    about:
      "The console logs in with a staff account, logs in as the user from there, and puts that session into the window. The window can't go back to the operator's session.",
    settings: [
      {
        name: "app",
        label: "Application",
        help: "The application's address, as customers open it.",
        kind: "url",
        default: null,
        example: "https://app.example.com",
      },
      {
        name: "login",
        label: "Login page",
        help: "The path of the page with Django's login form.",
        kind: "path",
        default: "/accounts/login/",
        example: null,
      },
      {
        name: "logout",
        label: "Sign-out",
        help: "The path that ends a session, by POST. Not the admin site's.",
        kind: "path",
        default: "/accounts/logout/",
        example: null,
      },
      {
        name: "operator",
        label: "Operator's user name",
        help: "A staff account that can impersonate customers. Not a superuser, which could impersonate anyone.",
        kind: "text",
        default: null,
        example: "support",
      },
      {
        name: "loginas",
        label: "django-loginas",
        help: "Where its URLs are mounted, up to the user ID.",
        kind: "path",
        default: "/admin/login/user/",
        example: null,
      },
      {
        name: "admin",
        label: "Admin site",
        help: "Its path. Logging out there leads back to the operator.",
        kind: "path",
        default: "/admin/",
        example: null,
      },
      {
        name: "me",
        label: "Current-user endpoint",
        help: "A path that returns the signed-in user as JSON. It is requested before the page is shown.",
        kind: "path",
        default: "/api/me",
        example: null,
      },
      {
        name: "me_id",
        label: "Path to the user ID",
        help: "Where the user ID is in that JSON.",
        kind: "names",
        default: "id",
        example: null,
      },
    ],
    secrets: [
      {
        name: "operator_password",
        help: "The password of that account.",
      },
    ],
  },
  {
    name: "supabase",
    title: "Supabase Auth",
    about:
      "The console asks Supabase for a one-time link of the user and the window opens it. The application's own page does the rest.",
    settings: [
      {
        name: "app",
        label: "Application",
        help: "The application's address, as customers open it.",
        kind: "url",
        default: null,
        example: "https://app.example.com",
      },
      {
        name: "supabase",
        label: "Supabase",
        help: "The project's URL.",
        kind: "url",
        default: null,
        example: "https://project.supabase.co",
      },
      {
        name: "auth",
        label: "Auth",
        help: "Where Auth is mounted there. Use `/` for a server of your own.",
        kind: "path",
        default: "/auth/v1",
        example: null,
      },
    ],
    secrets: [
      {
        name: "service_role_key",
        help: "The project's secret key (service_role).",
      },
    ],
  },
];

const exchange: Exchange = {
  title: "",
  by_window: false,
  method: "POST",
  url: "",
  headers: [],
  body: null,
  status: 200,
  leads_to: null,
  answer: null,
  captured: [],
  failed: null,
  hint: null,
  took_ms: 12,
};

export const rehearsal: SignInTestReport = {
  exchanges: [
    {
      ...exchange,
      title: "Step 1, the operator's sign-in",
      url: "https://app.acme.example/api/auth/sign-in/email",
      headers: [["origin", "https://app.acme.example"]],
      body: '{"email":"support@acme.example","password":"••••","rememberMe":false}',
      answer: '{"redirect":false,"token":"••••","user":{"id":"7","email":"support@acme.example"}}',
      captured: ["operator_session", "operator_mark"],
      took_ms: 84,
    },
    {
      ...exchange,
      title: "Step 2, the impersonation",
      url: "https://app.acme.example/api/auth/admin/impersonate-user",
      headers: [["origin", "https://app.acme.example"]],
      body: '{"userId":"42"}',
      answer: '{"session":{"token":"••••","impersonatedBy":"7"},"user":{"id":"42"}}',
      captured: ["session"],
      took_ms: 31,
    },
    {
      ...exchange,
      title: "Who is signed in?",
      by_window: true,
      method: "GET",
      url: "https://app.acme.example/api/auth/get-session",
      answer: '{"user":{"id":"42"}}',
    },
    {
      ...exchange,
      title: "The sign-out",
      by_window: true,
      url: "https://app.acme.example/api/auth/sign-out",
      body: "{}",
      status: 0,
    },
  ],
  outcome: "Anders Holm was signed in and out again.",
  hint: null,
  notes: [],
  ok: true,
};

export const refused: SignInTestReport = {
  exchanges: [
    ...rehearsal.exchanges.slice(0, 1),
    {
      ...exchange,
      title: "Step 2, the impersonation",
      url: "https://app.acme.example/api/auth/admin/impersonate-user",
      headers: [["origin", "https://app.acme.example"]],
      body: '{"userId":"42"}',
      status: 403,
      answer: '<html><body onload="alert(1)">{"code":"YOU_CANNOT_IMPERSONATE_ADMINS"}</body></html>',
      failed: "Step 2, the impersonation: the application answered 403.",
      hint: "The account may not impersonate this user: see what it answered.",
      took_ms: 28,
    },
  ],
  outcome: "Step 2, the impersonation: the application answered 403.",
  hint: "The account may not impersonate this user: see what it answered.",
  notes: [],
  ok: false,
};
