# The safest login endpoint for Understudy, for Django 5. Copy the part between the lines.
# The rest stands in for your application, so that tests can run this very file.
import json
import os
import re
from time import time

import django
import jwt
from django.conf import settings
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

server = ThreadedWSGIServer(("127.0.0.1", int(os.environ.get("PORT", 0))), WSGIRequestHandler)
listening = f"http://127.0.0.1:{server.server_address[1]}"
origin = os.environ.get("APP_ORIGIN", listening)

settings.configure(
    SECRET_KEY=os.environ.get("SESSION_SECRET") or os.urandom(32).hex(),
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:users?mode=memory&cache=shared"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SESSION_COOKIE_SAMESITE="Strict",  # Django's default is Lax
    SESSION_COOKIE_SECURE=origin.startswith("https:"),
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        f"{__name__}.impersonation_middleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    APP_ORIGIN=origin,
)
django.setup()

# ── copy from here ───────────────────────────────────────────────────────────────────────────────
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.core.cache import cache
from django.http import HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

PUBLIC_KEY = os.environ.get("IMPERSONATION_PUBLIC_KEY")
KEY = PUBLIC_KEY or os.environ.get("IMPERSONATION_KEY", "")
if len(KEY.encode()) < 32:
    raise SystemExit("IMPERSONATION_KEY: at least 32 bytes")
# Chosen by the key, never by the token.
ALGORITHMS = ["EdDSA", "ES256", "RS256"] if PUBLIC_KEY else ["HS256"]
LEEWAY = 30
LIFE = 60 * 60


class Refused(Exception):
    """Its text is a cause that Understudy knows how to explain."""


def verify(authorization):
    bearer = re.fullmatch(r"Bearer (\S+)", authorization, re.IGNORECASE)
    try:
        claims = jwt.decode(
            bearer[1] if bearer else "",
            KEY,
            algorithms=ALGORITHMS,
            issuer="understudy",
            audience=settings.APP_ORIGIN,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", "sub", "iat", "exp", "jti"]},
        )
    except jwt.ExpiredSignatureError:
        raise Refused("expired")
    except jwt.ImmatureSignatureError:
        raise Refused("not yet valid (clock skew)")
    except jwt.InvalidAudienceError:
        raise Refused("wrong audience")
    except jwt.PyJWTError:
        raise Refused("invalid signature")
    act = claims.get("act")
    operator = act.get("sub") if isinstance(act, dict) else None
    texts = [claims["sub"], claims["jti"], operator, claims.get("sid"), claims.get("reason")]
    times = [claims["iat"], claims["exp"]]
    complete = all(isinstance(text, str) for text in texts) and all(texts[:3])
    if not complete or not all(isinstance(at, int) for at in times) or claims["exp"] - claims["iat"] > 300:
        raise Refused("invalid signature")
    # add() is atomic. The default cache belongs to one process: with several, CACHES must name Redis or Memcached.
    if not cache.add(f"impersonation:{claims['jti']}", True, int(claims["exp"] + LEEWAY - time()) + 1):
        raise Refused("used already")
    return claims


def impersonation_middleware(get_response):
    """In MIDDLEWARE, right after SessionMiddleware. The limit is kept here, as saving a session extends it."""

    def middleware(request):
        impersonation = request.session.get("impersonation")
        if impersonation and time() > impersonation["until"]:
            request.session.flush()
        elif impersonation and impersonation["read_only"]:
            if request.method not in ("GET", "HEAD", "OPTIONS") and request.path != "/logout":
                return JsonResponse({"error": "read-only session"}, status=403)
        return get_response(request)

    return middleware


def find_user(pk):
    """Compares the ID as text: Django takes '07' and ' 7' for 7."""
    try:
        user = get_user_model().objects.filter(pk=pk, is_active=True).first()
    except ValueError:  # not a number
        return None
    return user if user and str(user.pk) == pk else None


# No foreign page can send an Authorization header here without a CORS preflight: that replaces a CSRF token.
@csrf_exempt
@require_POST
@never_cache
def impersonate(request):
    try:
        claims = verify(request.headers.get("Authorization", ""))
    except Refused as refusal:
        return JsonResponse({"error": str(refusal)}, status=401)
    user = find_user(claims["sub"])
    if user is None:
        return JsonResponse({"error": "no such user"}, status=404)
    if user.is_staff or user.is_superuser:
        return JsonResponse({"error": "administrators are not impersonated"}, status=403)
    # A new session ID: one that was planted before is worth nothing (session fixation).
    request.session.flush()
    # Not login(): that records a sign-in by the customer (last_login, and everything that listens to user_logged_in).
    request.session[SESSION_KEY] = str(user.pk)
    request.session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    operator, read_only = claims["act"]["sub"], bool(claims.get("read_only"))
    request.session["impersonation"] = {"by": operator, "read_only": read_only, "until": time() + LIFE}
    request.session.set_expiry(LIFE)
    entry = {"impersonation": user.pk, "operator": operator, "reason": claims["reason"], "sid": claims["sid"]}
    print(json.dumps(entry), flush=True)
    return HttpResponse(status=204)


@never_cache
def me(request):
    if not request.user.is_authenticated:
        return JsonResponse({"error": "not signed in"}, status=401)
    impersonation = request.session.get("impersonation", {"by": None, "read_only": False})
    return JsonResponse(
        {"id": request.user.pk, "impersonated_by": impersonation["by"], "read_only": impersonation["read_only"]}
    )


@csrf_exempt  # the session's SameSite keeps foreign pages out
@require_POST
def logout(request):
    request.session.flush()
    return HttpResponse(status=204)


urlpatterns = [path("impersonate", impersonate), path("api/me", me), path("logout", logout)]
# ── to here ──────────────────────────────────────────────────────────────────────────────────────

call_command("migrate", verbosity=0)
get_user_model().objects.create_user("ada", "ada@example.com", id=7)
get_user_model().objects.create_superuser("root", "root@example.com", id=8)

server.set_app(get_wsgi_application())
print(json.dumps({"listening": listening}), flush=True)
server.serve_forever()
