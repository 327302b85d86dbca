package testidp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Limits of what clients send and get.
const (
	codeLife     = time.Minute // a code's, by the provider's clock
	accessLife   = 5 * time.Minute
	shortestRand = 22 // characters of base64url that 128 bits take
	maxForm      = 64 << 10
)

// attempt is one request to sign somebody in.
type attempt struct {
	state, nonce, challenge, redirect string
	scopes                            []string
	fresh                             bool // prompt=login, or max_age=0
	asksTime                          bool // max_age was sent
}

// grant is what a user let the client have.
type grant struct {
	attempt
	user     User
	sid      string
	signedIn time.Time
	begun    time.Time
	verifier string // that the code was redeemed with
	redeemed bool
	revoked  bool
}

// read checks a request for a sign-in. What it reports has failed the test.
func (s *server) read(w http.ResponseWriter, r *http.Request, nonce bool) (attempt, bool) {
	q := r.URL.Query()
	c := s.client()
	a := attempt{
		state: q.Get("state"), nonce: q.Get("nonce"), challenge: q.Get("code_challenge"),
		redirect: q.Get("redirect_uri"), scopes: strings.Fields(q.Get("scope")),
		asksTime: q.Has("max_age"), fresh: q.Get("max_age") == "0" || slices.Contains(strings.Fields(q.Get("prompt")), "login"),
	}
	fault := ""
	for name, values := range q {
		if len(values) > 1 {
			fault = "has " + name + " twice"
		}
	}
	challenge, err := base64.RawURLEncoding.DecodeString(a.challenge)
	switch {
	case fault != "":
	case r.Method != http.MethodGet:
		fault = "is a " + r.Method
	case q.Get("response_type") != "code":
		fault = "does not ask for a code"
	case q.Has("response_mode") && q.Get("response_mode") != "query":
		fault = "asks for another response mode than query"
	case q.Get("client_id") != c.ID:
		fault = "is of another client"
	case !slices.Contains(c.Redirects, a.redirect):
		fault = "has a redirect_uri that is not registered: " + a.redirect
	case len(a.state) < shortestRand:
		fault = "has no state, or a short one"
	case nonce && len(a.nonce) < shortestRand:
		fault = "has no nonce, or a short one"
	case q.Get("code_challenge_method") != "S256":
		fault = "has no PKCE by S256"
	case err != nil || len(challenge) != sha256.Size:
		fault = "has a code_challenge that is no SHA-256"
	}
	if fault == "" {
		fault = s.seen(a)
	}
	if fault != "" {
		s.fault("the request to sign in %s", fault)
		http.Error(w, "the request "+fault, http.StatusBadRequest)
		return attempt{}, false
	}
	return a, true
}

// seen remembers an attempt. The same one may come again (a browser went
// back); its random parts may not come in another.
func (s *server) seen(a attempt) (fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before, known := s.attempts[a.state]; known && (before.nonce != a.nonce || before.challenge != a.challenge) {
		return "has the state of another attempt"
	}
	if state, known := s.nonces[a.nonce]; known && a.nonce != "" && state != a.state {
		return "has the nonce of another attempt"
	}
	if state, known := s.proofs[a.challenge]; known && state != a.state {
		return "has the code_challenge of another attempt"
	}
	s.attempts[a.state], s.nonces[a.nonce], s.proofs[a.challenge] = a, a.state, a.state
	return ""
}

// newCode is a code for what the user granted.
func (s *server) newCode(g *grant) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	g.begun = s.now()
	code := rand.Text()
	s.codes[code] = g
	return code
}

// form reads a request to the token endpoint, and checks who sends it. refusal
// is an OAuth error code (RFC 6749 §5.2).
func (s *server) form(r *http.Request) (form url.Values, refusal string) {
	if r.Method != http.MethodPost || r.URL.RawQuery != "" {
		s.fault("the token endpoint is asked by %s %s", r.Method, r.URL.Path)
		return nil, "invalid_request"
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		s.fault("the token endpoint is sent %q", r.Header.Get("Content-Type"))
		return nil, "invalid_request"
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.fault("the token endpoint is sent a form that cannot be read: %v", err)
		return nil, "invalid_request"
	}
	for name, values := range r.PostForm {
		if len(values) > 1 {
			s.fault("the token endpoint is sent %s twice", name)
			return nil, "invalid_request"
		}
	}
	if !s.authentic(r) {
		return nil, "invalid_client"
	}
	return r.PostForm, ""
}

// authentic checks the client's own proof: Basic or in the form, not both
// (RFC 6749 §2.3).
func (s *server) authentic(r *http.Request) bool {
	c := s.client()
	id, secret, basic := r.BasicAuth()
	if basic {
		if r.PostForm.Has("client_secret") {
			s.fault("the client proves itself twice")
			return false
		}
		if id, secret = unescaped(id), unescaped(secret); r.PostForm.Has("client_id") && r.PostForm.Get("client_id") != id {
			s.fault("the client has two names")
			return false
		}
	} else {
		id, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if id != c.ID {
		s.fault("the token endpoint is asked by the client %q", id)
		return false
	}
	if subtle.ConstantTimeCompare([]byte(secret), []byte(c.Secret)) != 1 {
		s.fault("the client's secret is wrong")
		return false
	}
	return true
}

// unescaped undoes the form encoding of RFC 6749 §2.3.1.
func unescaped(text string) string {
	if out, err := url.QueryUnescape(text); err == nil {
		return out
	}
	return text
}

// redeem is the grant of a code. Somebody else's code is refused without a
// fault: the client could not know.
func (s *server) redeem(form url.Values, redirectNeeded bool) (g *grant, refusal string) {
	verifier := form.Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	proof := base64.RawURLEncoding.EncodeToString(sum[:])
	fault := ""
	if len(verifier) < 43 || len(verifier) > 128 {
		fault = "has no code_verifier of 43 to 128 characters"
	}
	s.mu.Lock()
	g = s.codes[form.Get("code")]
	switch {
	case fault != "":
		refusal = "invalid_request"
	case g == nil:
		refusal = "invalid_grant"
	case g.redeemed:
		if g.verifier == verifier {
			fault = "has a code that it had before"
		}
		g.revoked, refusal = true, "invalid_grant"
	case redirectNeeded && form.Get("redirect_uri") != g.redirect, form.Has("redirect_uri") && form.Get("redirect_uri") != g.redirect:
		fault, refusal = "has another redirect_uri than the request to sign in", "invalid_grant"
	default:
		g.redeemed, g.verifier = true, verifier
		if proof != g.challenge || s.now().Sub(g.begun) > codeLife {
			refusal = "invalid_grant"
		}
	}
	s.mu.Unlock()
	if fault != "" {
		s.fault("the request for a token %s", fault)
	}
	if refusal != "" {
		return nil, refusal
	}
	return g, ""
}

// issue makes an access token, and a refresh token where wanted.
func (s *server) issue(g *grant, prefix string, refresh bool) (access, next string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	access = prefix + rand.Text()
	s.access[access] = g
	if refresh {
		next = "r-" + rand.Text()
		s.refresh[next] = g
	}
	return access, next
}

// renew takes a refresh token. A rotating one is good once; the second time,
// all that was granted ends (RFC 9700 §4.14.2).
func (s *server) renew(token string, rotating bool) (g *grant, refusal string) {
	s.mu.Lock()
	twice := s.spent[token]
	if twice != nil {
		twice.revoked = true
	}
	if g = s.refresh[token]; g != nil && rotating {
		delete(s.refresh, token)
		s.spent[token] = g
	}
	revoked := g == nil || g.revoked
	s.mu.Unlock()
	if twice != nil {
		s.fault("a refresh token is sent a second time")
	}
	if revoked {
		return nil, "invalid_grant"
	}
	return g, ""
}

// bearer is the grant of the access token that a request shows.
func (s *server) bearer(r *http.Request) (*grant, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "token") {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.access[token]
	return g, g != nil && !g.revoked
}

// Revoke ends all that the user of this subject granted.
func (s *server) Revoke(subject string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, all := range []map[string]*grant{s.codes, s.access, s.refresh} {
		for _, g := range all {
			if g.user.Subject == subject {
				g.revoked = true
			}
		}
	}
}
