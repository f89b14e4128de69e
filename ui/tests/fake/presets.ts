// Some of the sign-ins that Rust knows by name, and what trying one came to.
import type { Exchange } from "../../src/bindings/Exchange";
import type { Preset } from "../../src/bindings/Preset";
import type { Rehearsal } from "../../src/bindings/Rehearsal";

export const presets: Preset[] = [
  {
    name: "webhook",
    title: "Your own login endpoint",
    about:
      "The session's window sends a token that is signed for this one sign-in to an endpoint of your application, and gets the cookies. The safest way: docs/webhook has the endpoint for nine frameworks.",
    settings: [
      {
        name: "app",
        label: "Application",
        help: "The address of the application, as customers open it.",
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
        label: "Who am I",
        help: "A path that answers with JSON that says who is signed in; it is asked before the page is shown.",
        kind: "path",
        default: "/api/me",
        example: null,
      },
      {
        name: "me_id",
        label: "The id in it",
        help: "Where the user's id is in that JSON.",
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
        help: "What the endpoint checks tokens with: 32 characters or more (`openssl rand -base64 32`), or a private key in PEM of which the endpoint has the public one.",
      },
    ],
  },
  {
    name: "better-auth",
    title: "Better Auth",
    about:
      "The console signs in as an account that may impersonate, asks the admin plugin for a session of the user, and puts that session alone into the window. The account's own session is ended at once.",
    settings: [
      {
        name: "app",
        label: "Application",
        help: "The address of the application, as customers open it.",
        kind: "url",
        default: null,
        example: "https://app.example.com",
      },
      {
        name: "api",
        label: "Better Auth",
        help: "Where Better Auth answers, below the application's address.",
        kind: "path",
        default: "/api/auth",
        example: null,
      },
      {
        name: "operator",
        label: "Operator's e-mail",
        help: "An account whose role may impersonate users.",
        kind: "text",
        default: null,
        example: "support@example.com",
      },
      {
        name: "cookies",
        label: "Cookies",
        help: "How their names begin: `__Secure-better-auth.` where the application is served by https.",
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
      "The console logs a staff account in, has it log in as the user, and puts that session into the window. What leads back to the operator is out of the window's reach.",
    settings: [
      {
        name: "app",
        label: "Application",
        help: "The address of the application, as customers open it.",
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
        help: "The path that ends a session, by POST; not that of the admin site.",
        kind: "path",
        default: "/accounts/logout/",
        example: null,
      },
      {
        name: "operator",
        label: "Operator's user name",
        help: "A staff account that may impersonate customers; not a superuser, who could become anybody.",
        kind: "text",
        default: null,
        example: "support",
      },
      {
        name: "loginas",
        label: "django-loginas",
        help: "Where its URLs are mounted, up to the user's id.",
        kind: "path",
        default: "/admin/login/user/",
        example: null,
      },
      {
        name: "admin",
        label: "Admin site",
        help: "Its path: logging out there leads back to the operator.",
        kind: "path",
        default: "/admin/",
        example: null,
      },
      {
        name: "me",
        label: "Who am I",
        help: "A path that answers with JSON that says who is signed in; it is asked before the page is shown.",
        kind: "path",
        default: "/api/me",
        example: null,
      },
      {
        name: "me_id",
        label: "The id in it",
        help: "Where the user's id is in that JSON.",
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
        help: "The address of the application, as customers open it.",
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
        help: "Where Auth answers there; `/` of a server of your own.",
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

export const rehearsal: Rehearsal = {
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

export const refused: Rehearsal = {
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
