package oauth_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

func TestNewLoginsRefuses(t *testing.T) {
	t.Parallel()
	good := func() oauth.Provider {
		return oauth.Provider{Name: "corp", Type: oauth.OIDC, Issuer: "https://id.example.com", ClientID: "x", Callback: callback}
	}
	try := func(ps ...oauth.Provider) error {
		_, err := oauth.NewLogins(oauth.Config{Providers: ps, Ring: testRing(), Spend: (&spent{}).spend})
		return err
	}
	if err := try(good()); err != nil {
		t.Fatal(err)
	}
	if err := try(oauth.Provider{Name: "g", Type: oauth.Google, ClientID: "x", Callback: callback}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*oauth.Provider){
		"1 to 32 of":               func(p *oauth.Provider) { p.Name = "Corp" },
		"inner -":                  func(p *oauth.Provider) { p.Name = "corp-" },
		"a provider's name":        func(p *oauth.Provider) { p.Name = "" },
		"there is no type":         func(p *oauth.Provider) { p.Type = "x" },
		"the issuer is not a URL":  func(p *oauth.Provider) { p.Issuer = "" },
		"the issuer is not https":  func(p *oauth.Provider) { p.Issuer = "http://id.example.com" },
		"the issuer has a query":   func(p *oauth.Provider) { p.Issuer += "?a=b" },
		"needs a client id":        func(p *oauth.Provider) { p.ClientID = "" },
		"the callback is not":      func(p *oauth.Provider) { p.Callback = "" },
		"the scopes lack openid":   func(p *oauth.Provider) { p.Scopes = []string{"email"} },
		"the subject is the claim": func(p *oauth.Provider) { p.Claims.Subject = "email" },
		"cannot be an audience":    func(p *oauth.Provider) { p.TokenAudience = []string{"a", "x"} },
		"an audience of tokens is": func(p *oauth.Provider) { p.TokenAudience = []string{""} },
		"a rule of groups":         func(p *oauth.Provider) { p.Groups = []oauth.GroupRule{{Claim: ""}} },
		"the name of a group":      func(p *oauth.Provider) { p.Groups = []oauth.GroupRule{{Claim: "a", Group: "a,b"}} },
		"a list is too long":       func(p *oauth.Provider) { p.Groups = slices.Repeat([]oauth.GroupRule{{Claim: "a"}}, 101) },
		"rules of organisations":   func(p *oauth.Provider) { p.AllowedOrgs = []string{"acme"} },
		"is not a domain":          func(p *oauth.Provider) { p.AllowedDomains = []string{"@example.com"} },
	} {
		p := good()
		change(&p)
		if err := try(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	second := good()
	if err := try(good(), second); err == nil || !strings.Contains(err.Error(), "two providers are called") {
		t.Error(err)
	}
	second.Name = "other"
	if err := try(good(), second); err == nil || !strings.Contains(err.Error(), "one callback") {
		t.Error(err)
	}
	second.Callback += "2"
	if err := try(good(), second); err != nil {
		t.Errorf("one issuer for two: %v", err)
	}
	second.Type = oauth.Google
	if err := try(good(), second); err == nil || !strings.Contains(err.Error(), "the same issuer and names people in another way") {
		t.Error(err)
	}
	if _, err := oauth.NewLogins(oauth.Config{}); err == nil {
		t.Error("neither ring nor memory is needed")
	}
	if err := try(make([]oauth.Provider, 51)...); err == nil || !strings.Contains(err.Error(), "at most 50") {
		t.Error(err)
	}
}

// A new configuration knows what the issuers that stay have published.
func TestLoginsBefore(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if _, err := r.visit(t, auth.ToSignIn); err != nil {
		t.Fatal(err)
	}
	b := browser{}
	back, err := r.there(t, b, attemptTo(auth.ToSignIn))
	if err != nil {
		t.Fatal(err)
	}
	down := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	}
	r.op.Intercept(testidp.Discovery, down)
	r.op.Intercept(testidp.JWKS, down)
	config := r.config
	config.Before = r.Logins
	r.Logins = logins(t, config)
	if err := finish(t, r.Logins, "corp", back, b); err != nil {
		t.Errorf("an attempt from before: %v", err)
	}
	r.clock.move(2 * time.Hour)
	if _, err := r.visit(t, auth.ToSignIn); err != nil {
		t.Errorf("while discovery is down: %v", err)
	}
	config.Before = nil
	r.Logins = logins(t, config)
	if _, err := r.visit(t, auth.ToSignIn); auth.CodeOf(err) != auth.Unavailable {
		t.Errorf("without a memory: %v", err)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if said, ok := r.Health(t.Context(), "corp"); !ok || said != "it answers, with 2 keys" {
		t.Error(said, ok)
	}
	r.op.Change(testidp.Discovery, func(doc map[string]any) { delete(doc, "token_endpoint") })
	if _, ok := r.Health(t.Context(), "corp"); !ok || r.op.Asked(testidp.Discovery) != 1 {
		t.Errorf("asked %d times within half a minute", r.op.Asked(testidp.Discovery))
	}
	r.clock.move(30 * time.Second)
	if said, ok := r.Health(t.Context(), "corp"); ok || !strings.Contains(said, "token_endpoint") {
		t.Error(said, ok)
	}
	r.op.Intercept(testidp.Discovery, func(http.Handler) http.Handler { return http.NotFoundHandler() })
	r.clock.move(30 * time.Second)
	if said, ok := r.Health(t.Context(), "corp"); ok || !strings.Contains(said, "the answer is 404") {
		t.Error(said, ok)
	}
	if said, ok := r.Health(t.Context(), "other"); ok || said == "" {
		t.Error(said, ok)
	}
}

func TestFarewell(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ext := r.signedIn(t)
	const back = "https://latchkey.example.com/ui/"
	r.op.Client.Farewells = []string{back}
	for _, hint := range []auth.Secret{ext.IDToken, {}, auth.NewSecret(strings.Repeat("x", 4097))} {
		to, ok := r.Farewell(t.Context(), "corp", hint, back)
		u, err := url.Parse(to)
		if !ok || err != nil {
			t.Fatal(to, ok, err)
		}
		q := u.Query()
		wantHint := hint.Reveal()
		if len(wantHint) > 4096 {
			wantHint = ""
		}
		if u.Path != "/end" || q.Get("client_id") != "latchkey" || q.Get("post_logout_redirect_uri") != back || q.Get("id_token_hint") != wantHint {
			t.Error(to)
		}
		if at := r.op.Visit(to).String(); at != back {
			t.Errorf("it leads to %s", at)
		}
	}
	if len(r.op.SIDs(ext.Subject)) != 0 {
		t.Error("the session at the provider goes on")
	}
	if to, ok := r.Farewell(t.Context(), "corp", auth.Secret{}, ""); !ok || strings.Contains(to, "post_logout") {
		t.Error(to, ok)
	}
	if to, ok := r.Farewell(t.Context(), "other", auth.Secret{}, ""); ok || to != "" {
		t.Error(to, ok)
	}
	for _, end := range []any{nil, "", 7, "javascript:alert(1)", "http://id.evil.example/", "/end"} {
		r.op.Honest()
		r := rigAt(t, r.op, nil)
		r.op.Change(testidp.Discovery, func(doc map[string]any) { doc["end_session_endpoint"] = end })
		if to, ok := r.Farewell(t.Context(), "corp", auth.Secret{}, back); ok || to != "" {
			t.Errorf("%v: %s", end, to)
		}
	}
	// Nobody waits long to be told where to sign out.
	r.op.Honest()
	r = rigAt(t, r.op, nil)
	_, release := r.op.Hold(testidp.Discovery)
	defer release()
	began := time.Now()
	if to, ok := r.Farewell(t.Context(), "corp", auth.Secret{}, back); ok || time.Since(began) >= oauth.FetchTimeout {
		t.Errorf("%s after %s", to, time.Since(began))
	}
}

func TestLoggedOutWhenKeysCannotBeHad(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.op.LogoutToken("s", "")
	r.op.Intercept(testidp.JWKS, func(http.Handler) http.Handler { return http.NotFoundHandler() })
	if _, err := r.LoggedOut(t.Context(), "corp", token); auth.CodeOf(err) != auth.Unavailable {
		t.Error(err)
	}
	if _, err := r.LoggedOut(t.Context(), "other", token); auth.CodeOf(err) != auth.NotFound {
		t.Error(err)
	}
}
