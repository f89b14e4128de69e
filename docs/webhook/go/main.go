// The safest login endpoint for Understudy, for Go's net/http (1.22 or newer). Copy the part between the lines.
// The rest stands in for your application, so that tests can run this very file.
package main

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type User struct {
	ID    int
	Email string
	Admin bool
}

var users = map[string]*User{
	"7": {ID: 7, Email: "ada@example.com"},
	"8": {ID: 8, Email: "root@example.com", Admin: true},
}

// Compares the ID as text: a database may take "07" or "7abc" for 7.
func findUser(id string) *User { return users[id] }

// Known once the server listens, unless it is given.
var origin = os.Getenv("APP_ORIGIN")

// ── copy from here ───────────────────────────────────────────────────────────────────────────────

const (
	leeway = 30 * time.Second
	life   = time.Hour
)

// Causes of a refusal that Understudy knows how to explain.
var (
	errExpired   = errors.New("expired")
	errFuture    = errors.New("not yet valid (clock skew)")
	errAudience  = errors.New("wrong audience")
	errUsed      = errors.New("used already")
	errSignature = errors.New("invalid signature")
)

// The one algorithm that is accepted, and its check: chosen by the key, never by the token.
var algorithm, verifySignature = signatureCheck()

func signatureCheck() (string, func(text, signature []byte) bool) {
	if block, _ := pem.Decode([]byte(os.Getenv("IMPERSONATION_PUBLIC_KEY"))); block != nil {
		parsed, _ := x509.ParsePKIXPublicKey(block.Bytes)
		key, ok := parsed.(ed25519.PublicKey)
		if !ok {
			log.Fatal("IMPERSONATION_PUBLIC_KEY: an Ed25519 key")
		}
		return "EdDSA", func(text, signature []byte) bool { return ed25519.Verify(key, text, signature) }
	}
	key := []byte(os.Getenv("IMPERSONATION_KEY"))
	if len(key) < 32 {
		log.Fatal("IMPERSONATION_KEY: at least 32 bytes")
	}
	return "HS256", func(text, signature []byte) bool {
		mac := hmac.New(sha256.New, key)
		mac.Write(text)
		return hmac.Equal(mac.Sum(nil), signature)
	}
}

type claims struct {
	Issuer   string  `json:"iss"`
	Audience string  `json:"aud"`
	Subject  string  `json:"sub"`
	ID       string  `json:"jti"`
	Session  *string `json:"sid"`
	Reason   *string `json:"reason"`
	IssuedAt int64   `json:"iat"`
	Expires  int64   `json:"exp"`
	ReadOnly bool    `json:"read_only"`
	Actor    struct {
		Subject string `json:"sub"`
	} `json:"act"`
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func verify(token string) (*claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errSignature
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !verifySignature([]byte(parts[0]+"."+parts[1]), signature) {
		return nil, errSignature
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	var c claims
	if decode(parts[0], &header) != nil || header.Algorithm != algorithm || decode(parts[1], &c) != nil || c.Issuer != "understudy" {
		return nil, errSignature
	}
	if c.Audience != origin {
		return nil, errAudience
	}
	if c.Subject == "" || c.ID == "" || c.Actor.Subject == "" || c.Session == nil || c.Reason == nil || c.IssuedAt == 0 || c.Expires == 0 {
		return nil, errSignature
	}
	now, issued, expires := time.Now(), time.Unix(c.IssuedAt, 0), time.Unix(c.Expires, 0)
	switch {
	case issued.After(now.Add(leeway)):
		return nil, errFuture
	case now.After(expires.Add(leeway)):
		return nil, errExpired
	case expires.Sub(issued) > 300*time.Second:
		return nil, errSignature
	case !useOnce(c.ID, expires.Add(leeway)):
		return nil, errUsed
	}
	return &c, nil
}

// Token IDs and sessions of this process. With several: Redis (SET jti 1 NX EX 360) or a database.
var (
	mutex    sync.Mutex
	used     = map[string]time.Time{}
	sessions = map[string]session{}
)

type session struct {
	userID, impersonatedBy string
	readOnly               bool
	until                  time.Time
}

func useOnce(id string, until time.Time) bool {
	mutex.Lock()
	defer mutex.Unlock()
	for id, until := range used {
		if time.Now().After(until) {
			delete(used, id)
		}
	}
	_, known := used[id]
	used[id] = until
	return !known
}

func findSession(r *http.Request) (session, bool) {
	cookie, err := r.Cookie("sid")
	if err != nil {
		return session{}, false
	}
	mutex.Lock()
	defer mutex.Unlock()
	found, ok := sessions[cookie.Value]
	if ok && time.Now().After(found.until) {
		delete(sessions, cookie.Value)
		ok = false
	}
	return found, ok
}

func endSession(r *http.Request) {
	if cookie, err := r.Cookie("sid"); err == nil {
		mutex.Lock()
		defer mutex.Unlock()
		delete(sessions, cookie.Value)
	}
}

func setCookie(w http.ResponseWriter, value string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: "sid", Value: value, Path: "/", MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: strings.HasPrefix(origin, "https:"),
	})
}

func answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// Around every route.
func holdBackReadOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions
		if found, ok := findSession(r); ok && found.readOnly && !reads && r.URL.Path != "/logout" {
			answer(w, http.StatusForbidden, map[string]any{"error": "read-only session"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// No foreign page can send an Authorization header here without a CORS preflight.
func impersonate(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	claims, err := verify(token)
	if err != nil {
		answer(w, http.StatusUnauthorized, map[string]any{"error": err.Error()})
		return
	}
	user := findUser(claims.Subject)
	if user == nil {
		answer(w, http.StatusNotFound, map[string]any{"error": "no such user"})
		return
	}
	if user.Admin {
		answer(w, http.StatusForbidden, map[string]any{"error": "administrators are not impersonated"})
		return
	}
	// A new session with a new ID: one that was planted before is worth nothing (session fixation).
	endSession(r)
	random := make([]byte, 32)
	rand.Read(random)
	id := hex.EncodeToString(random)
	mutex.Lock()
	sessions[id] = session{fmt.Sprint(user.ID), claims.Actor.Subject, claims.ReadOnly, time.Now().Add(life)}
	mutex.Unlock()
	json.NewEncoder(os.Stdout).Encode(map[string]any{
		"impersonation": user.ID, "operator": claims.Actor.Subject, "reason": *claims.Reason, "sid": *claims.Session,
	})
	setCookie(w, id, int(life.Seconds()))
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

func me(w http.ResponseWriter, r *http.Request) {
	found, ok := findSession(r)
	user := findUser(found.userID)
	if !ok || user == nil {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "not signed in"})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"id": user.ID, "impersonated_by": found.impersonatedBy, "read_only": found.readOnly,
	})
}

func logout(w http.ResponseWriter, r *http.Request) {
	endSession(r)
	setCookie(w, "", -1)
	w.WriteHeader(http.StatusNoContent)
}

func routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /impersonate", impersonate)
	mux.HandleFunc("GET /api/me", me)
	mux.HandleFunc("POST /logout", logout)
	return holdBackReadOnly(mux)
}

// ── to here ──────────────────────────────────────────────────────────────────────────────────────

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "0"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	listening := "http://" + listener.Addr().String()
	if origin == "" {
		origin = listening
	}
	fmt.Printf("{\"listening\":%q}\n", listening)
	log.Fatal(http.Serve(listener, routes()))
}
