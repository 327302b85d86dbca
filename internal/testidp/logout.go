package testidp

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	logoutEvent   = "http://schemas.openid.net/event/backchannel-logout"
	logoutTimeout = 10 * time.Second
	logoutLife    = 2 * time.Minute
)

// LogoutToken says that a session of sid, or all of subject, are over
// (OpenID Connect Back-Channel Logout 1.0 §2.4). Either may be "".
func (o *OIDC) LogoutToken(subject, sid string) string {
	now := o.time()
	claims := map[string]any{
		"iss": o.URL, "aud": o.client().ID, "iat": now.Unix(), "exp": now.Add(logoutLife).Unix(),
		"jti": rand.Text(), "events": map[string]any{logoutEvent: map[string]any{}},
	}
	put(claims, "sub", subject)
	put(claims, "sid", sid)
	j := o.newJWT(claims)
	j.Header["typ"] = "logout+jwt"
	return o.finish(Logout, j)
}

// Logout posts a logout token to the client and gives the status it answers.
func (o *OIDC) Logout(subject, sid string) (status int) {
	o.mu.Lock()
	t, to := o.t, o.Client.BackChannel
	o.mu.Unlock()
	t.Helper()
	if to == "" {
		t.Fatal("the client has no address for logout tokens")
	}
	client := http.Client{Timeout: logoutTimeout}
	answer, err := client.PostForm(to, url.Values{"logout_token": {o.LogoutToken(subject, sid)}})
	if err != nil {
		t.Fatalf("logout: %v", err)
	}
	defer answer.Body.Close()
	if answer.Header.Get("Cache-Control") == "" {
		o.fault("the answer to a logout token may be cached")
	}
	return answer.StatusCode
}

// SIDs are the sessions of a user at the provider, sorted.
func (o *OIDC) SIDs(subject string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	for sid, s := range o.sessions {
		if s.user.Subject == subject {
			out = append(out, sid)
		}
	}
	slices.Sort(out)
	return out
}

// endSession ends the browser's session (RP-Initiated Logout 1.0 §2). It does
// not ask whether the user wants to, and tells nobody.
func (o *OIDC) endSession(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c := o.client()
	for name, values := range q {
		if len(values) > 1 {
			o.fault("the request to sign out has %s twice", name)
		}
	}
	hint := q.Get("id_token_hint")
	if hint == "" && q.Get("client_id") == "" {
		o.fault("the request to sign out does not say whose it is")
	}
	if hint != "" {
		o.forget(hint)
	}
	back := q.Get("post_logout_redirect_uri")
	if back == "" {
		w.Write([]byte("You are signed out."))
		return
	}
	if !slices.Contains(c.Farewells, back) {
		o.fault("the request to sign out leads back to %s, which is not registered", back)
		http.Error(w, "not registered", http.StatusBadRequest)
		return
	}
	answer := url.Values{}
	if q.Has("state") {
		answer.Set("state", q.Get("state"))
	}
	to, err := url.Parse(back)
	if err != nil {
		panic(err)
	}
	to.RawQuery = answer.Encode()
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusSeeOther)
}

// forget ends the session that an id_token of ours names.
func (o *OIDC) forget(hint string) {
	parts := strings.Split(hint, ".")
	var claims struct{ Iss, SID string }
	if len(parts) == 3 {
		if payload, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(payload, &claims) // a hint that says nothing is of somebody else
		}
	}
	if claims.Iss != o.URL {
		o.fault("the request to sign out has an id_token_hint of somebody else")
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.sessions, claims.SID)
}
