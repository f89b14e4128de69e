<?php

// The safest login endpoint for Understudy, for Laravel (8 or newer). Copy the part between the lines.
// The rest stands in for your application, so that tests can run this very file.
// Laravel comes from vendor/ (composer install), or from the file that LARAVEL_AUTOLOAD names.

use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Exceptions\Handler;
use Illuminate\Foundation\Http\Kernel;
use Illuminate\Http\Request;
use Illuminate\Support\Facades\Auth;
use Illuminate\Support\Facades\Cache;
use Illuminate\Support\Facades\Facade;
use Illuminate\Support\Facades\Route;

if (PHP_SAPI === 'cli') {
    strlen(getenv('IMPERSONATION_PUBLIC_KEY') ?: getenv('IMPERSONATION_KEY') ?: '') >= 32 || exit("IMPERSONATION_KEY: at least 32 bytes\n");
    // PHP's own server: each request runs this file again, on a port that is free now.
    $socket = stream_socket_server('tcp://127.0.0.1:'.(getenv('PORT') ?: 0));
    $address = stream_socket_get_name($socket, false);
    fclose($socket);
    if (pcntl_fork() === 0) {
        while (! @fsockopen("tcp://$address")) {
            usleep(10_000);
        }
        exit(json_encode(['listening' => "http://$address"], JSON_UNESCAPED_SLASHES)."\n");
    }
    $folder = sys_get_temp_dir().'/understudy-webhook-laravel-'.bin2hex(random_bytes(8));
    mkdir("$folder/sessions", 0700, true);
    $given = ['APP_ORIGIN' => getenv('APP_ORIGIN') ?: "http://$address", 'FOLDER' => $folder, 'APP_KEY' => base64_encode(random_bytes(32))];
    pcntl_exec(PHP_BINARY, ['-d', 'display_errors=stderr', '-S', $address, __FILE__], $given + getenv());
}

require getenv('LARAVEL_AUTOLOAD') ?: __DIR__.'/vendor/autoload.php';

final class Users implements UserProvider
{
    public function retrieveById($identifier)
    {
        return [
            7 => new GenericUser(['id' => 7, 'email' => 'ada@example.com', 'is_admin' => false, 'remember_token' => null]),
            8 => new GenericUser(['id' => 8, 'email' => 'root@example.com', 'is_admin' => true, 'remember_token' => null]),
        ][(int) $identifier] ?? null;
    }

    public function retrieveByToken($identifier, $token) {}

    public function updateRememberToken(Authenticatable $user, $token) {}

    public function retrieveByCredentials(array $credentials) {}

    public function validateCredentials(Authenticatable $user, array $credentials) {}

    public function rehashPasswordIfRequired(Authenticatable $user, array $credentials, bool $force = false) {}
}

// ── copy from here ───────────────────────────────────────────────────────────────────────────────
// app/Impersonation/Refused.php. Its text is a cause that Understudy knows how to explain.
final class Refused extends Exception {}

// app/Impersonation/Token.php. With one algorithm alone, chosen by the key and never by the token, checking a JWT
// is comparing an HMAC (or one call for an RSA key): no package is needed.
final class Token
{
    private const LEEWAY = 30;

    public static function verify(?string $token): array
    {
        [$header, $payload, $signature] = explode('.', (string) $token) + ['', '', ''];
        $claims = self::decode($payload);
        $valid = substr_count((string) $token, '.') === 2 && self::isSigned($header, $payload, $signature);
        if (! $valid || ! is_array($claims) || ($claims['iss'] ?? null) !== 'understudy') {
            throw new Refused('invalid signature');
        }
        if (($claims['aud'] ?? null) !== config('app.origin')) {
            throw new Refused('wrong audience');
        }
        $texts = [$claims['sub'] ?? null, $claims['jti'] ?? null, $claims['act']['sub'] ?? null, $claims['sid'] ?? null, $claims['reason'] ?? null];
        [$issued, $expires] = [$claims['iat'] ?? null, $claims['exp'] ?? null];
        $complete = array_filter($texts, 'is_string') === $texts && ! in_array('', array_slice($texts, 0, 3), true);
        if (! $complete || ! is_int($issued) || ! is_int($expires) || $expires - $issued > 300) {
            throw new Refused('invalid signature');
        }
        if ($issued > time() + self::LEEWAY) {
            throw new Refused('not yet valid (clock skew)');
        }
        if ($expires < time() - self::LEEWAY) {
            throw new Refused('expired');
        }
        // Atomic. With several servers, the cache must be one that they share (Redis, a database); never "array".
        if (! Cache::add('impersonation:'.$claims['jti'], true, $expires + self::LEEWAY - time() + 1)) {
            throw new Refused('used already');
        }

        return $claims;
    }

    private static function isSigned(string $header, string $payload, string $signature): bool
    {
        [$text, $algorithm] = ["$header.$payload", self::decode($header)['alg'] ?? null];
        $signature = self::bytes($signature);
        if ($pem = config('app.impersonation_public_key')) {
            $key = openssl_pkey_get_public($pem);

            return $algorithm === 'RS256' && openssl_pkey_get_details($key)['type'] === OPENSSL_KEYTYPE_RSA
                && openssl_verify($text, $signature, $key, OPENSSL_ALGO_SHA256) === 1;
        }
        $secret = config('app.impersonation_key');
        if (strlen($secret) < 32) {
            throw new RuntimeException('IMPERSONATION_KEY: at least 32 bytes');
        }

        return $algorithm === 'HS256' && hash_equals(hash_hmac('sha256', $text, $secret, true), $signature);
    }

    private static function decode(string $part): mixed
    {
        return json_decode(self::bytes($part), true);
    }

    private static function bytes(string $part): string
    {
        return (string) base64_decode(strtr($part, '-_', '+/'), true);
    }
}

// app/Http/Middleware/ImpersonationLimits.php, last in the "web" group. The limit is kept here, as a session's life is
// extended with each request.
final class ImpersonationLimits
{
    public function handle(Request $request, Closure $next)
    {
        $impersonation = $request->session()->get('impersonation');
        if ($impersonation && time() > $impersonation['until']) {
            $request->session()->invalidate();
        } elseif ($impersonation && $impersonation['read_only'] && ! $request->isMethodSafe() && ! $request->is('logout')) {
            return response()->json(['error' => 'read-only session'], 403);
        }

        return $next($request);
    }
}

// app/Http/Controllers/ImpersonationController.php
final class ImpersonationController
{
    // No foreign page can send an Authorization header here without a CORS preflight.
    public function impersonate(Request $request)
    {
        try {
            $claims = Token::verify($request->bearerToken());
        } catch (Refused $refusal) {
            return $this->answer(401, ['error' => $refusal->getMessage()]);
        }
        // Your own: User::find(…). As text: MySQL takes '07' and '7abc' for 7.
        $user = Auth::getProvider()->retrieveById($claims['sub']);
        if (! $user || (string) $user->getAuthIdentifier() !== $claims['sub']) {
            return $this->answer(404, ['error' => 'no such user']);
        }
        if ($user->is_admin) {
            return $this->answer(403, ['error' => 'administrators are not impersonated']);
        }
        // A new session ID: one that was planted before is worth nothing (session fixation).
        $request->session()->invalidate();
        // Fires the Login event: its listeners (last sign-in, emails) can ask the session for "impersonation".
        [$operator, $readOnly] = [$claims['act']['sub'], (bool) ($claims['read_only'] ?? false)];
        $request->session()->put('impersonation', ['by' => $operator, 'read_only' => $readOnly, 'until' => time() + 3600]);
        Auth::login($user);
        $entry = ['impersonation' => $user->getAuthIdentifier(), 'operator' => $operator, 'reason' => $claims['reason'], 'sid' => $claims['sid']];
        file_put_contents('php://stdout', json_encode($entry, JSON_THROW_ON_ERROR)."\n");

        return $this->answer(204);
    }

    public function me(Request $request)
    {
        if (! Auth::check()) {
            return $this->answer(401, ['error' => 'not signed in']);
        }
        $impersonation = $request->session()->get('impersonation');

        return $this->answer(200, ['id' => Auth::id(), 'impersonated_by' => $impersonation['by'] ?? null, 'read_only' => $impersonation['read_only'] ?? false]);
    }

    public function logout(Request $request)
    {
        // Auth::logout() would also change the customer's "remember me" token, which signs them out elsewhere.
        $request->session()->invalidate();

        return $this->answer(204);
    }

    private function answer(int $status, ?array $body = null)
    {
        $response = $body === null ? response()->noContent($status) : response()->json($body, $status);

        return $response->header('Cache-Control', 'no-store');
    }
}
// routes/web.php: the three lines at the end of this file; /impersonate and /logout belong to the exceptions of the
// CSRF middleware. config/app.php: origin, impersonation_key, impersonation_public_key. config/session.php: below.
// ── to here ──────────────────────────────────────────────────────────────────────────────────────

final class StandIn extends Kernel
{
    protected $bootstrappers = [];

    protected $middlewareGroups = ['web' => [
        Illuminate\Cookie\Middleware\EncryptCookies::class,
        Illuminate\Cookie\Middleware\AddQueuedCookiesToResponse::class,
        Illuminate\Session\Middleware\StartSession::class,
        ImpersonationLimits::class,
    ]];
}

final class AnswersInJson extends Handler
{
    protected function shouldReturnJson($request, Throwable $e)
    {
        return true;
    }
}

$folder = getenv('FOLDER');
$app = new Application($folder);
$app->instance('config', new Illuminate\Config\Repository([
    'app' => [
        'key' => 'base64:'.getenv('APP_KEY'),
        'cipher' => 'AES-256-CBC',
        'origin' => getenv('APP_ORIGIN'),
        'impersonation_key' => getenv('IMPERSONATION_KEY') ?: '',
        'impersonation_public_key' => getenv('IMPERSONATION_PUBLIC_KEY') ?: null,
    ],
    'session' => [
        'driver' => 'file', // never "cookie": the server cannot end a session that is only in a cookie
        'files' => "$folder/sessions",
        'lifetime' => 60,
        'expire_on_close' => false,
        'encrypt' => false,
        'lottery' => [2, 100],
        'cookie' => 'sid',
        'path' => '/',
        'domain' => null,
        'secure' => str_starts_with(getenv('APP_ORIGIN'), 'https:'),
        'http_only' => true,
        'same_site' => 'strict', // Laravel's default is "lax"
    ],
    'view' => ['paths' => [], 'compiled' => $folder],
    'cache' => ['default' => 'file', 'stores' => ['file' => ['driver' => 'file', 'path' => "$folder/cache"]]],
    'auth' => [
        'defaults' => ['guard' => 'web'],
        'guards' => ['web' => ['driver' => 'session', 'provider' => 'users']],
        'providers' => ['users' => ['driver' => 'stand-in']],
    ],
    'logging' => ['default' => 'stderr', 'channels' => ['stderr' => ['driver' => 'errorlog']]],
]));
$app->singleton(ExceptionHandler::class, AnswersInJson::class);
Facade::setFacadeApplication($app);
foreach (['Auth\AuthServiceProvider', 'Cache\CacheServiceProvider', 'Cookie\CookieServiceProvider', 'Encryption\EncryptionServiceProvider',
    'Filesystem\FilesystemServiceProvider', 'Session\SessionServiceProvider', 'View\ViewServiceProvider', 'Foundation\Providers\FoundationServiceProvider'] as $provider) {
    $app->register("Illuminate\\$provider");
}
Auth::provider('stand-in', fn () => new Users);
$app->boot();
$kernel = $app->make(StandIn::class);
Route::middleware('web')->group(function () {
    Route::post('/impersonate', [ImpersonationController::class, 'impersonate']);
    Route::get('/api/me', [ImpersonationController::class, 'me']);
    Route::post('/logout', [ImpersonationController::class, 'logout']);
});
$kernel->handle(Request::capture())->send();
