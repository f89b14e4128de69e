// The safest login endpoint for Understudy, for Spring Boot 3. Copy the part between the lines.
// The rest stands in for your application, so that tests can run this very file.
package example;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.JWSObject;
import com.nimbusds.jose.JWSVerifier;
import com.nimbusds.jose.crypto.MACVerifier;
import com.nimbusds.jose.crypto.RSASSAVerifier;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpSession;
import java.io.IOException;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.text.ParseException;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.event.EventListener;
import org.springframework.core.env.Environment;
import org.springframework.http.CacheControl;
import org.springframework.http.ResponseEntity;
import org.springframework.stereotype.Component;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestHeader;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.filter.OncePerRequestFilter;

@SpringBootApplication
public class Server {
    record User(long id, String email, boolean admin) {}

    private static final Map<String, User> USERS = Map.of(
        "7", new User(7, "ada@example.com", false),
        "8", new User(8, "root@example.com", true));

    /** Compares the ID as text: a database may take "07" for 7. */
    static Optional<User> findUser(String id) {
        return Optional.ofNullable(USERS.get(id));
    }

    /** Known once the server listens, unless it is given. */
    private static volatile String origin = System.getenv("APP_ORIGIN");

    // ── copy from here ───────────────────────────────────────────────────────────────────────────
    private static final long LEEWAY = 30;
    private static final long LIFE = 60 * 60;

    /** Its text is a cause that Understudy knows how to explain. */
    static final class Refused extends Exception {
        Refused(String cause) {
            super(cause);
        }
    }

    record Claims(String sub, String operator, String jti, String sid, String reason, boolean readOnly) {}

    record Impersonation(String by, boolean readOnly, long until) implements Serializable {}

    @Component
    static class Tokens {
        private final JWSVerifier verifier;
        private final JWSAlgorithm algorithm;
        /** Until they expire. With several processes: Redis (SET jti 1 NX EX 360) or a unique column. */
        private final Map<String, Long> used = new ConcurrentHashMap<>();

        Tokens() throws GeneralSecurityException, JOSEException {
            String pem = System.getenv("IMPERSONATION_PUBLIC_KEY");
            String secret = Optional.ofNullable(System.getenv("IMPERSONATION_KEY")).orElse("");
            // Chosen by the key, never by the token.
            algorithm = pem == null ? JWSAlgorithm.HS256 : JWSAlgorithm.RS256;
            // MACVerifier refuses a secret of less than 32 bytes.
            verifier = pem == null ? new MACVerifier(secret.getBytes(StandardCharsets.UTF_8)) : new RSASSAVerifier(rsaKey(pem));
        }

        private static RSAPublicKey rsaKey(String pem) throws GeneralSecurityException {
            byte[] der = Base64.getMimeDecoder().decode(pem.replaceAll("-----[A-Z ]+-----", ""));
            return (RSAPublicKey) KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der));
        }

        Claims verify(String authorization) throws Refused {
            Map<String, Object> claims = signed(authorization.replaceFirst("(?i)^Bearer +", ""));
            if (!"understudy".equals(claims.get("iss"))) throw new Refused("invalid signature");
            if (!origin.equals(claims.get("aud"))) throw new Refused("wrong audience");
            Object operator = claims.get("act") instanceof Map<?, ?> act ? act.get("sub") : null;
            if (!(claims.get("sub") instanceof String sub) || !(operator instanceof String by)
                || !(claims.get("jti") instanceof String jti) || !(claims.get("sid") instanceof String sid)
                || !(claims.get("reason") instanceof String reason)
                || !(claims.get("iat") instanceof Long iat) || !(claims.get("exp") instanceof Long exp)
                || sub.isEmpty() || by.isEmpty() || jti.isEmpty() || exp - iat > 300) {
                throw new Refused("invalid signature");
            }
            long now = Instant.now().getEpochSecond();
            if (iat > now + LEEWAY) throw new Refused("not yet valid (clock skew)");
            if (exp < now - LEEWAY) throw new Refused("expired");
            used.values().removeIf(until -> until < now);
            if (used.putIfAbsent(jti, exp + LEEWAY) != null) throw new Refused("used already");
            return new Claims(sub, by, jti, sid, reason, !Boolean.FALSE.equals(claims.getOrDefault("read_only", false)));
        }

        private Map<String, Object> signed(String token) throws Refused {
            try {
                JWSObject object = JWSObject.parse(token);
                if (object.getHeader().getAlgorithm().equals(algorithm) && object.verify(verifier)) {
                    Map<String, Object> claims = object.getPayload().toJSONObject();
                    if (claims != null) return claims;
                }
            } catch (ParseException | JOSEException malformed) {
                // as any other that is not ours
            }
            throw new Refused("invalid signature");
        }
    }

    /** Around every request. The limit is kept here, as a session's life is extended with each request. */
    @Component
    static class ImpersonationLimits extends OncePerRequestFilter {
        private static final Set<String> READS = Set.of("GET", "HEAD", "OPTIONS");

        @Override
        protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
            HttpSession session = request.getSession(false);
            if (session != null && session.getAttribute("impersonation") instanceof Impersonation impersonation) {
                if (Instant.now().getEpochSecond() > impersonation.until()) {
                    session.invalidate();
                } else if (impersonation.readOnly() && !READS.contains(request.getMethod())
                    && !"/logout".equals(request.getRequestURI())) {
                    response.setStatus(HttpServletResponse.SC_FORBIDDEN);
                    response.setContentType("application/json");
                    response.getWriter().write("{\"error\":\"read-only session\"}");
                    return;
                }
            }
            chain.doFilter(request, response);
        }
    }

    /**
     * With Spring Security: permit these paths, ignore POST /impersonate and POST /logout in its CSRF protection, disable
     * its own logout, and in impersonate() also save a SecurityContext (HttpSessionSecurityContextRepository).
     */
    @RestController
    static class ImpersonationController {
        private final Tokens tokens;
        private final ObjectMapper json;

        ImpersonationController(Tokens tokens, ObjectMapper json) {
            this.tokens = tokens;
            this.json = json;
        }

        // No foreign page can send an Authorization header here without a CORS preflight.
        @PostMapping("/impersonate")
        ResponseEntity<?> impersonate(
            HttpServletRequest request, @RequestHeader(name = "Authorization", defaultValue = "") String authorization)
            throws JsonProcessingException {
            Claims claims;
            try {
                claims = tokens.verify(authorization);
            } catch (Refused refusal) {
                return answer(401, Map.of("error", refusal.getMessage()));
            }
            User user = findUser(claims.sub()).orElse(null);
            if (user == null) return answer(404, Map.of("error", "no such user"));
            if (user.admin()) return answer(403, Map.of("error", "administrators are not impersonated"));
            // A new session with a new ID: one that was planted before is worth nothing (session fixation).
            end(request);
            HttpSession session = request.getSession(true);
            session.setAttribute("userId", String.valueOf(user.id()));
            long until = Instant.now().getEpochSecond() + LIFE;
            session.setAttribute("impersonation", new Impersonation(claims.operator(), claims.readOnly(), until));
            System.out.println(json.writeValueAsString(Map.of(
                "impersonation", user.id(), "operator", claims.operator(), "reason", claims.reason(), "sid", claims.sid())));
            return answer(204, null);
        }

        @GetMapping("/api/me")
        ResponseEntity<?> me(HttpServletRequest request) {
            HttpSession session = request.getSession(false);
            if (session == null || !(session.getAttribute("userId") instanceof String userId) || findUser(userId).isEmpty()) {
                return answer(401, Map.of("error", "not signed in"));
            }
            Map<String, Object> me = new LinkedHashMap<>(); // unlike Map.of, it can hold null
            me.put("id", findUser(userId).get().id());
            Impersonation impersonation = (Impersonation) session.getAttribute("impersonation");
            me.put("impersonated_by", impersonation == null ? null : impersonation.by());
            me.put("read_only", impersonation != null && impersonation.readOnly());
            return answer(200, me);
        }

        @PostMapping("/logout")
        ResponseEntity<?> logout(HttpServletRequest request) {
            end(request);
            return answer(204, null);
        }

        private static void end(HttpServletRequest request) {
            HttpSession session = request.getSession(false);
            if (session != null) session.invalidate();
        }

        private static ResponseEntity<?> answer(int status, Object body) {
            return ResponseEntity.status(status).cacheControl(CacheControl.noStore()).body(body);
        }
    }
    // ── to here ──────────────────────────────────────────────────────────────────────────────────

    @EventListener
    void ready(ApplicationReadyEvent event) {
        Environment environment = event.getApplicationContext().getEnvironment();
        String listening = "http://127.0.0.1:" + environment.getProperty("local.server.port");
        if (origin == null) origin = listening;
        System.out.println("{\"listening\":\"" + listening + "\"}");
    }

    public static void main(String[] arguments) {
        SpringApplication application = new SpringApplication(Server.class);
        // Yours are in application.properties.
        application.setDefaultProperties(Map.ofEntries(
            Map.entry("server.address", "127.0.0.1"),
            Map.entry("server.port", Optional.ofNullable(System.getenv("PORT")).orElse("0")),
            Map.entry("server.servlet.session.timeout", "60m"),
            Map.entry("server.servlet.session.tracking-modes", "cookie"),
            Map.entry("server.servlet.session.cookie.name", "sid"),
            Map.entry("server.servlet.session.cookie.path", "/"),
            Map.entry("server.servlet.session.cookie.max-age", "60m"),
            Map.entry("server.servlet.session.cookie.http-only", "true"),
            Map.entry("server.servlet.session.cookie.same-site", "strict"),
            Map.entry("server.servlet.session.cookie.secure", String.valueOf(origin != null && origin.startsWith("https:"))),
            Map.entry("spring.main.banner-mode", "off"),
            Map.entry("logging.level.root", "off")));
        application.run(arguments);
    }
}
