package testidp

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Where is a place at which a provider says something.
type Where string

const (
	Discovery Where = "discovery"
	Authorize Where = "authorize" // the redirect back
	Token     Where = "token"     // the token endpoint's answer
	IDToken   Where = "id_token"  // the one of a sign-in
	Refresh   Where = "refresh"   // the id_token of a refresh
	Userinfo  Where = "userinfo"
	JWKS      Where = "jwks"
	Logout    Where = "logout"  // the logout token
	Profile   Where = "profile" // the claims about a person, wherever they are told

	// Of GitHub's API.
	APIUser       Where = "user"
	APIEmails     Where = "emails"
	APIMembership Where = "membership"
	APITeams      Where = "teams"
)

// Client is the one client of a provider. Change it before the first request.
type Client struct {
	ID          string
	Secret      string   // "": a public client, which proves nothing but PKCE
	Redirects   []string // to the letter
	Farewells   []string // where end_session may lead back to
	BackChannel string   // where logout tokens are posted
}

// server is what the providers have in common: a listener, the rules that a
// client must keep, and the knobs.
type server struct {
	URL    string
	Client Client

	close  sync.Once
	closed chan struct{} // ends whoever answers slowly

	mu       sync.Mutex
	t        testing.TB
	now      func() time.Time
	asked    map[Where]int
	docs     map[Where][]func(map[string]any)
	texts    map[Where][]func([]byte) []byte
	wraps    map[Where][]func(http.Handler) http.Handler
	answers  []func(*url.URL)
	attempts map[string]attempt // by state
	nonces   map[string]string  // state by nonce
	proofs   map[string]string  // state by PKCE challenge
	codes    map[string]*grant
	access   map[string]*grant // by access token
	refresh  map[string]*grant // by refresh token
	spent    map[string]*grant // by refresh token that was used
}

func (s *server) start(t testing.TB, h http.Handler) {
	s.t, s.now, s.closed = t, time.Now, make(chan struct{})
	s.asked = map[Where]int{}
	s.attempts, s.nonces, s.proofs = map[string]attempt{}, map[string]string{}, map[string]string{}
	s.codes, s.access = map[string]*grant{}, map[string]*grant{}
	s.refresh, s.spent = map[string]*grant{}, map[string]*grant{}
	s.Honest()
	on := httptest.NewServer(s.guard(h))
	s.URL = on.URL
	s.Client = Client{ID: "latchkey", Secret: "s3cret:+/%&=" + rand.Text()}
	t.Cleanup(func() {
		s.close.Do(func() { close(s.closed) })
		on.CloseClientConnections()
		on.Close()
	})
}

// Register adds redirect URIs of the client.
func (s *server) Register(redirects ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Client.Redirects = append(s.Client.Redirects, redirects...)
}

// Under makes t the test that faults are reported to, until it ends.
func (s *server) Under(t testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.t
	s.t = t
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.t = before
	})
}

// SetNow gives the provider another clock.
func (s *server) SetNow(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

// Asked counts the requests that came to a place.
func (s *server) Asked(where Where) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[where]
}

// Honest takes back every lie.
func (s *server) Honest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs = map[Where][]func(map[string]any){}
	s.texts = map[Where][]func([]byte) []byte{}
	s.wraps = map[Where][]func(http.Handler) http.Handler{}
	s.answers = nil
}

// Change changes the JSON objects said at a place, also Profile.
func (s *server) Change(where Where, f func(doc map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs[where] = append(s.docs[where], f)
}

// ChangeText changes the bytes of the documents said at a place.
func (s *server) ChangeText(where Where, f func(text []byte) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts[where] = append(s.texts[where], f)
}

// ChangeAnswer changes where a browser is sent back to.
func (s *server) ChangeAnswer(f func(to *url.URL)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = append(s.answers, f)
}

// Intercept puts a handler around an endpoint: to count, to hold back, to
// answer instead.
func (s *server) Intercept(where Where, f func(next http.Handler) http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wraps[where] = append(s.wraps[where], f)
}

// Hold keeps the answers of an endpoint back until release is called or the
// test ends. held gets one value for each request that waits.
func (s *server) Hold(where Where) (held <-chan struct{}, release func()) {
	in, out := make(chan struct{}, 1000), make(chan struct{})
	s.Intercept(where, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			in <- struct{}{}
			select {
			case <-out:
			case <-s.closed:
			}
			next.ServeHTTP(w, r)
		})
	})
	return in, sync.OnceFunc(func() { close(out) })
}

// Visit goes to an address of the provider as a browser that keeps no cookies,
// and tells where it is sent back to.
func (s *server) Visit(to string) *url.URL {
	s.mu.Lock()
	t := s.t
	s.mu.Unlock()
	t.Helper()
	client := http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Get(to)
	if err != nil {
		t.Fatalf("provider: %v", err)
	}
	defer answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		t.Fatalf("provider: %s and no redirect", answer.Status)
	}
	return back
}

// fault fails the test: the client broke a rule.
func (s *server) fault(format string, args ...any) {
	s.mu.Lock()
	t := s.t
	s.mu.Unlock()
	t.Errorf("client of %s: %s", s.URL, fmt.Sprintf(format, args...))
}

func (s *server) time() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// guard sees every request.
func (s *server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil {
			s.fault("%s has a query that cannot be read", r.URL.Path)
		}
		if secret := s.client().Secret; secret != "" && strings.Contains(query, secret) || r.URL.Query().Has("client_secret") {
			s.fault("%s has the client's secret in its URL", r.URL.Path)
		}
		for _, name := range []string{"access_token", "refresh_token", "code_verifier"} {
			if r.URL.Query().Has(name) {
				s.fault("%s has %s in its URL", r.URL.Path, name)
			}
		}
		next.ServeHTTP(w, r)
	})
}

func (s *server) client() Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.Client
}

// at is an endpoint: counted, and with what Intercept put around it.
func (s *server) at(where Where, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked[where]++
		var handler http.Handler = h
		for _, wrap := range s.wraps[where] {
			handler = wrap(handler)
		}
		s.mu.Unlock()
		handler.ServeHTTP(w, r)
	})
}

// changed is a document after the changes of a place.
func (s *server) changed(where Where, doc map[string]any) map[string]any {
	s.mu.Lock()
	changes := s.docs[where]
	s.mu.Unlock()
	for _, change := range changes {
		change(doc)
	}
	return doc
}

// say writes a document as JSON, with the lies of its place.
func (s *server) say(w http.ResponseWriter, where Where, status int, doc map[string]any) {
	text, err := json.Marshal(s.changed(where, doc))
	if err != nil {
		panic(err)
	}
	s.sayText(w, where, status, "application/json", text)
}

func (s *server) sayText(w http.ResponseWriter, where Where, status int, kind string, text []byte) {
	s.mu.Lock()
	changes := s.texts[where]
	s.mu.Unlock()
	for _, change := range changes {
		text = change(text)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(text)
}

// sendBack redirects the browser to the client, with the lies of the redirect.
func (s *server) sendBack(w http.ResponseWriter, to string, answer url.Values) {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	for name, values := range answer {
		q[name] = values
	}
	u.RawQuery = q.Encode()
	s.mu.Lock()
	changes := s.answers
	s.mu.Unlock()
	for _, change := range changes {
		change(u)
	}
	w.Header().Set("Location", u.String())
	w.WriteHeader(http.StatusSeeOther)
}
