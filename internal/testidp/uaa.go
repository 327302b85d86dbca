package testidp

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// UAA is a plain OAuth 2 server in the manner of Cloud Foundry's UAA: it knows
// its users by user_id, takes the client's secret by Basic alone, and its
// refresh tokens are good until they are revoked. It says nothing of who it is.
type UAA struct {
	server
	signedIn User
}

// NewUAA starts a server at which Alice is signed in. It ends with the test.
func NewUAA(t testing.TB) *UAA {
	t.Helper()
	u := &UAA{signedIn: Alice()}
	mux := http.NewServeMux()
	mux.Handle("/oauth/authorize", u.at(Authorize, u.authorize))
	mux.Handle("/oauth/token", u.at(Token, u.token))
	mux.Handle("/userinfo", u.at(Userinfo, u.userinfo))
	u.start(t, mux)
	return u
}

// SignIn makes user the one who is signed in there.
func (u *UAA) SignIn(user User) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.signedIn = user
}

func (u *UAA) authorize(w http.ResponseWriter, r *http.Request) {
	a, ok := u.read(w, r, false)
	if !ok {
		return
	}
	u.mu.Lock()
	g := &grant{attempt: a, user: u.signedIn}
	u.mu.Unlock()
	u.sendBack(w, a.redirect, url.Values{"code": {u.newCode(g)}, "state": {a.state}})
}

func (u *UAA) token(w http.ResponseWriter, r *http.Request) {
	form, refusal := u.form(r)
	if _, _, basic := r.BasicAuth(); refusal == "" && !basic {
		refusal = "invalid_client"
	}
	var g *grant
	if refusal == "" {
		switch form.Get("grant_type") {
		case "authorization_code":
			g, refusal = u.redeem(form, true)
		case "refresh_token":
			g, refusal = u.renew(form.Get("refresh_token"), false)
		default:
			u.fault("the token endpoint is asked for %q", form.Get("grant_type"))
			refusal = "unsupported_grant_type"
		}
	}
	if refusal != "" {
		status := http.StatusBadRequest
		if refusal == "invalid_client" {
			status = http.StatusUnauthorized
		}
		u.say(w, Token, status, map[string]any{"error": refusal, "error_description": "no"})
		return
	}
	refresh := form.Get("refresh_token")
	access, next := u.issue(g, "a-", refresh == "")
	if refresh == "" {
		refresh = next
	}
	u.say(w, Token, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "bearer", "refresh_token": refresh,
		"expires_in": int(accessLife / time.Second), "scope": "openid uaa.user", "jti": "x",
	})
}

// userinfo has names of its own for things.
func (u *UAA) userinfo(w http.ResponseWriter, r *http.Request) {
	g, ok := u.bearer(r)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="oauth", error="invalid_token"`)
		u.say(w, Userinfo, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	doc := map[string]any{
		"user_id": g.user.Subject, "user_name": g.user.Login, "name": g.user.Name, "email": g.user.Email,
		"roles": g.user.Groups, "previous_logon_time": 1,
	}
	if g.user.EmailVerified != nil {
		doc["email_verified"] = g.user.EmailVerified
	}
	merge(doc, g.user.Extra)
	u.say(w, Userinfo, http.StatusOK, doc)
}
