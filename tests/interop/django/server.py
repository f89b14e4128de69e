"""A small Django application with django-hijack, django-impersonate and django-loginas.

Environment: DATABASE, OPERATOR_USERNAME, OPERATOR_PASSWORD, and optionally HARDENED=1 (see README.md).
"""

import json
import os
import secrets
import sys
import threading

import django
from django.conf import settings

HARDENED = os.environ.get("HARDENED") == "1"

settings.configure(
    SECRET_KEY=secrets.token_urlsafe(50),
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF="__main__",
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    STATIC_URL="/static/",
    LOGIN_REDIRECT_URL="/",
    LOGOUT_REDIRECT_URL="/",
    INSTALLED_APPS=[
        "loginas",  # before the admin, whose templates it overrides
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "hijack",
        "hijack.contrib.admin",
        "impersonate",
    ],
    MIDDLEWARE=[
        "__main__.journal_middleware",
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
        "hijack.middleware.HijackUserMiddleware",
        "impersonate.middleware.ImpersonateMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ],
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {
                            "home.html": """<!doctype html><html lang="en"><title>Home</title><body>
                                <h1>Signed in as {{ user.get_full_name }} &lt;{{ user.email }}&gt;</h1>
                                {% for message in messages %}<p>{{ message }}</p>{% endfor %}
                                <form method="post" action="{% url 'logout' %}">{% csrf_token %}
                                <button>Sign out</button></form></body></html>""",
                            "registration/login.html": """<!doctype html><html lang="en"><title>Sign in</title><body>
                                <form method="post">{% csrf_token %}{{ form.as_div }}
                                <input type="hidden" name="next" value="{{ next }}">
                                <button>Sign in</button></form></body></html>""",
                        },
                    ),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ],
    # Who may become whom: support staff, and ordinary customers only. Each package has its own setting.
    HIJACK_PERMISSION_CHECK="hijack.permissions.superusers_and_staff",
    IMPERSONATE={
        "CUSTOM_USER_QUERYSET": "__main__.customers",
        # By default /admin/ still belongs to the operator while a customer is impersonated.
        **({"URI_EXCLUSIONS": ()} if HARDENED else {}),
    },
    CAN_LOGIN_AS=lambda request, user: request.user.is_staff and not user.is_staff,
    LOGINAS_LOGIN_REASON_REQUIRED=True,
    # The way back to the operator: two days by default, none with 0.
    LOGINAS_USER_SESSION_DAYS_TIMESTAMP=0 if HARDENED else 2,
    # The bar with "stop impersonating", put into every page of the customer.
    HIJACK_INSERT_BEFORE=None if HARDENED else "</body>",
)
django.setup()

from django.contrib import admin
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.utils import timezone
from loginas.utils import signer


def customers(request):
    return User.objects.filter(is_staff=False, is_active=True)


@login_required
def home(request):
    return render(request, "home.html")


def me(request):
    user = request.user
    if not user.is_authenticated:
        return JsonResponse({"error": "not signed in"}, status=401)
    by = impersonator(request.session)
    # django-impersonate makes the request the operator's own again when it no longer allows the customer.
    return JsonResponse({"id": user.pk, "email": user.email, "impersonated_by": by if by != user.email else None})


def end(request):
    """Leaving the customer leaves the application, instead of handing the operator's rights to the page."""
    logout(request)
    return redirect("/")


def impersonator(session):
    """Each package notes the operator in its own place."""
    if session.get("hijack_history"):
        pk = session["hijack_history"][-1]
    elif "loginas_from_user" in session:
        pk = signer.unsign(session["loginas_from_user"])
    elif "_impersonate" in session:
        pk = session["_auth_user_id"]
    else:
        return None
    return User.objects.get(pk=pk).email


# Test scaffolding: who asked for what, and which sessions exist on the server.
journal = []


def journal_middleware(get_response):
    def middleware(request):
        response = get_response(request)
        if not request.path.startswith("/__test/"):
            journal.append(
                {
                    "method": request.method,
                    "path": request.path,
                    "cookies": list(request.COOKIES),
                    "origin": request.headers.get("Origin"),
                    "status": response.status_code,
                    "set_cookie": list(response.cookies),
                    "user": getattr(request, "signed_in_as", None),
                }
            )
        return response

    def process_view(request, view, args, kwargs):
        # Noted before the view runs, which may sign somebody in or out.
        request.signed_in_as = getattr(request.user, "email", None)

    middleware.process_view = process_view
    return middleware


def session_list(request):
    def row(session):
        data = session.get_decoded()
        pk = data.get("_impersonate") or data.get("_auth_user_id")
        user = User.objects.filter(pk=pk).first()
        return {"user": user and user.email, "impersonated_by": impersonator(data)}

    sessions = Session.objects.filter(expire_date__gt=timezone.now())
    return JsonResponse([row(session) for session in sessions], safe=False)


urlpatterns = [
    path("", home),
    path("api/me", me),
    path("accounts/", include("django.contrib.auth.urls")),
    *([path("hijack/release/", end), path("impersonate/stop/", end)] if HARDENED else []),
    path("hijack/", include("hijack.urls")),
    path("impersonate/", include("impersonate.urls")),
    path("admin/", include("loginas.urls")),  # before the admin, as its documentation says
    path("admin/", admin.site.urls),
    path("__test/journal", lambda request: JsonResponse(journal, safe=False)),
    path("__test/sessions", session_list),
]


def seed():
    def add(username, first, last, **more):
        User.objects.create_user(username, f"{username}@example.com", first_name=first, last_name=last, **more)

    add("ada", "Ada", "Moreau")
    add("bo", "Bo", "Lindqvist")
    add("cleo", "Cleo", "Haddad", is_active=False)
    add("root", "Rae", "Okafor", is_staff=True, is_superuser=True)
    add(
        os.environ["OPERATOR_USERNAME"],
        "Sam",
        "Ferrer",
        password=os.environ["OPERATOR_PASSWORD"],
        is_staff=True,
    )


def stop_with_parent():
    sys.stdin.read()
    os._exit(0)


call_command("migrate", verbosity=0)
if not User.objects.exists():
    seed()
server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
server.set_app(StaticFilesHandler(get_wsgi_application()))
threading.Thread(target=stop_with_parent, daemon=True).start()
print(json.dumps({"listening": f"http://127.0.0.1:{server.server_port}"}), flush=True)
server.serve_forever()
