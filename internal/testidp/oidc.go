package testidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"
)

// OIDC is an OpenID provider (OpenID Connect Core 1.0, Discovery 1.0, RP-
// Initiated Logout 1.0, Back-Channel Logout 1.0, RFC 7636, RFC 9207).
//
// The id_token tells who signed in and no more; the claims of the scopes
// profile and email, and groups, are at the userinfo endpoint, as OpenID Connect
// Core §5.4 has it. Full says them in the id_token too, as most providers do.
type OIDC struct {
	server
	Full        bool   // the id_token has the claims of the scopes as well
	Alg         string // of what it signs: RS256 (""), ES256
	OfflineOnly bool   // refresh tokens only for the scope offline_access

	rsa   *rsa.PrivateKey
	ec    *ecdsa.PrivateKey
	other *ecdsa.PrivateKey // of nobody that it vouches for

	choose   func(*http.Request) User
	sessions map[string]session // by sid
	jwts     map[Where][]func(*JWT)

	plain http.Handler // the endpoints without what is around them
	away  func() string
}

// session is a browser's session at the provider.
type session struct {
	user  User
	since time.Time
}

const (
	rsaKeyID = "rsa-1"
	ecKeyID  = "ec-1"
	rsaBits  = 2048
)

// NewOIDC starts a provider, at which Alice is signed in. It ends with the test.
func NewOIDC(t testing.TB) *OIDC {
	t.Helper()
	o := &OIDC{sessions: map[string]session{}, jwts: map[Where][]func(*JWT){}}
	var err error
	if o.rsa, err = rsa.GenerateKey(rand.Reader, rsaBits); err != nil {
		t.Fatal(err)
	}
	o.ec, o.other = newEC(t), newEC(t)
	o.SignIn(Alice())
	mux, plain := http.NewServeMux(), http.NewServeMux()
	for path, e := range map[string]struct {
		where  Where
		answer http.HandlerFunc
	}{
		"/.well-known/openid-configuration": {Discovery, o.discovery},
		"/keys":                             {JWKS, o.keys},
		"/authorize":                        {Authorize, o.authorize},
		"/token":                            {Token, o.token},
		"/userinfo":                         {Userinfo, o.userinfo},
		"/end":                              {Logout, o.endSession},
	} {
		mux.Handle(path, o.at(e.where, e.answer))
		plain.Handle(path, e.answer)
	}
	o.plain = plain
	o.away = sync.OnceValue(func() string { return o.newAway(t) })
	o.start(t, mux)
	return o
}

// Away is another origin, at which all is as at the provider. A client that
// goes there fails the test: nothing that a provider says may lead it there.
func (o *OIDC) Away() string { return o.away() }

func (o *OIDC) newAway(t testing.TB) string {
	on := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.fault("it went to another origin: %s %s", r.Method, r.URL.Path)
		o.plain.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		on.CloseClientConnections()
		on.Close()
	})
	return on.URL
}

func newEC(t testing.TB) *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// SignIn makes u the one who is signed in at the provider, in every browser.
func (o *OIDC) SignIn(u User) { o.Choose(func(*http.Request) User { return u }) }

// Choose says who signs in with a request to the authorization endpoint.
func (o *OIDC) Choose(f func(*http.Request) User) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.choose = f
}

// Honest takes back every lie.
func (o *OIDC) Honest() {
	o.server.Honest()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jwts = map[Where][]func(*JWT){}
}

// ChangeJWT changes what is signed: IDToken, Refresh, Logout.
func (o *OIDC) ChangeJWT(where Where, f func(*JWT)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.jwts[where] = append(o.jwts[where], f)
}

// Sign is a JWT of this provider with these claims beside iss, iat and exp, as
// an access token for somebody or a forgery; nil takes a claim away.
func (o *OIDC) Sign(header, claims map[string]any) string {
	now := o.time()
	j := o.newJWT(map[string]any{"iss": o.URL, "iat": now.Unix(), "exp": now.Add(accessLife).Unix()})
	merge(j.Header, header)
	merge(j.Claims, claims)
	return j.compact()
}

func merge(into, from map[string]any) {
	for name, value := range from {
		if value == nil {
			delete(into, name)
		} else {
			into[name] = value
		}
	}
}

func (o *OIDC) newJWT(claims map[string]any) *JWT {
	if o.Alg == "ES256" {
		return &JWT{Header: map[string]any{"alg": "ES256", "typ": "JWT", "kid": ecKeyID}, Claims: claims, Key: o.ec}
	}
	return &JWT{Header: map[string]any{"alg": "RS256", "typ": "JWT", "kid": rsaKeyID}, Claims: claims, Key: o.rsa}
}

// finish signs a token after the lies of its place.
func (o *OIDC) finish(where Where, j *JWT) string {
	o.mu.Lock()
	changes := o.jwts[where]
	o.mu.Unlock()
	for _, change := range changes {
		change(j)
	}
	return j.compact()
}

func (o *OIDC) discovery(w http.ResponseWriter, _ *http.Request) {
	o.say(w, Discovery, http.StatusOK, map[string]any{
		"issuer":                                o.URL,
		"authorization_endpoint":                o.URL + "/authorize",
		"token_endpoint":                        o.URL + "/token",
		"userinfo_endpoint":                     o.URL + "/userinfo",
		"jwks_uri":                              o.URL + "/keys",
		"end_session_endpoint":                  o.URL + "/end",
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{"query"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
		"subject_types_supported":               []string{"public"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"id_token_signing_alg_values_supported": []string{"RS256", "ES256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "none"},
		"code_challenge_methods_supported":      []string{"S256"},
		"claims_supported":                      []string{"sub", "name", "preferred_username", "email", "email_verified", "groups", "auth_time", "sid"},
		"backchannel_logout_supported":          true,
		"backchannel_logout_session_supported":  true,

		"authorization_response_iss_parameter_supported": true,
	})
}

func (o *OIDC) keys(w http.ResponseWriter, _ *http.Request) {
	o.say(w, JWKS, http.StatusOK, map[string]any{"keys": []any{
		publicRSA(rsaKeyID, &o.rsa.PublicKey), publicEC(ecKeyID, &o.ec.PublicKey),
	}})
}

// authorize signs in whoever comes, and sends them back with a code.
func (o *OIDC) authorize(w http.ResponseWriter, r *http.Request) {
	a, ok := o.read(w, r, true)
	if !ok {
		return
	}
	if !slices.Contains(a.scopes, "openid") {
		o.fault("the request to sign in does not have the scope openid")
	}
	o.mu.Lock()
	choose := o.choose
	o.mu.Unlock()
	g := &grant{attempt: a, user: choose(r)}
	g.sid, g.signedIn = o.session(w, r, g)
	answer := url.Values{"code": {o.newCode(g)}, "state": {a.state}, "iss": {o.URL}}
	o.sendBack(w, a.redirect, answer)
}

// session is the browser's session: the one of its cookie, unless somebody
// else signs in now or the same one was to do so afresh.
func (o *OIDC) session(w http.ResponseWriter, r *http.Request, g *grant) (sid string, since time.Time) {
	at, err := url.Parse(o.URL)
	if err != nil {
		panic(err)
	}
	name := "op-" + at.Port() // cookies do not tell ports apart
	o.mu.Lock()
	defer o.mu.Unlock()
	if c, err := r.Cookie(name); err == nil {
		if s, known := o.sessions[c.Value]; known && s.user.Subject == g.user.Subject {
			sid, since = c.Value, s.since
		}
	}
	if sid == "" {
		sid, since = rand.Text(), g.user.SignedIn
	}
	if since.IsZero() || g.fresh {
		since = o.now()
	}
	o.sessions[sid] = session{g.user, since}
	http.SetCookie(w, &http.Cookie{Name: name, Value: sid, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return sid, since
}
