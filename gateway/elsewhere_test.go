package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// elsewhere are providers that vouch for whomever a test says. It keeps to the
// contract of web.Logins and nothing but what Begin gave leads through Finish.
type elsewhere struct {
	mu    sync.Mutex
	n     int
	spent map[string]bool

	person   auth.External // who signs in there
	down     error         // what Begin and Finish fail with
	farewell string        // where people sign out; empty: nowhere
	over     auth.ExternalLogout
	began    int
}

const (
	aHint = "an-id-token-that-is-nobody-elses-business"
	code  = "an-authorization-code-for-once"
)

func (e *elsewhere) be(change func(*elsewhere)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	change(e)
}

func (e *elsewhere) Begin(_ context.Context, provider string, a auth.Attempt) (to, id, sealed string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down != nil {
		return "", "", "", e.down
	}
	if provider != "corp" && provider != "other" && provider != "open" {
		return "", "", "", &auth.Error{Code: auth.NotFound, Reason: "there is no provider of this name"}
	}
	e.n++
	e.began++
	state := fmt.Sprintf("A_-%07d", e.n) + strings.Repeat("s", 33)
	kept, err := json.Marshal(map[string]any{"state": state, "provider": provider, "attempt": a})
	if err != nil {
		return "", "", "", err
	}
	return "https://" + provider + ".example/authorize?response_type=code&state=" + state, state[:10], url.QueryEscape(string(kept)), nil
}

func (e *elsewhere) Finish(_ context.Context, provider string, answer url.Values, kept func(string) (string, bool)) (auth.External, auth.Attempt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	broken := &auth.Error{Code: auth.Invalid, Reason: "this sign-in was begun in another browser, or too long ago; try again", Err: errors.New("no such attempt")}
	state := answer.Get("state")
	if len(state) != 43 {
		return auth.External{}, auth.Attempt{}, broken
	}
	sealed, ok := kept(state[:10])
	if !ok {
		return auth.External{}, auth.Attempt{}, broken
	}
	var in struct {
		State, Provider string
		Attempt         auth.Attempt
	}
	text, err := url.QueryUnescape(sealed)
	if err != nil || json.Unmarshal([]byte(text), &in) != nil || in.State != state || in.Provider != provider || e.spent[state] {
		return auth.External{}, auth.Attempt{}, broken
	}
	if e.spent == nil {
		e.spent = make(map[string]bool)
	}
	e.spent[state] = true
	switch {
	case e.down != nil:
		return auth.External{}, in.Attempt, e.down
	case answer.Has("error"):
		return auth.External{}, in.Attempt, &auth.Error{Code: auth.Forbidden, Reason: "the provider did not let you through", Err: errors.New("access_denied")}
	case answer.Get("code") != code:
		return auth.External{}, in.Attempt, broken
	}
	ext := e.person
	ext.Provider, ext.Issuer, ext.IDToken = provider, "https://"+provider+".example", auth.NewSecret(aHint)
	ext.SignedIn = in.Attempt.Begun.Add(time.Second)
	return ext, in.Attempt, nil
}

func (e *elsewhere) Farewell(_ context.Context, provider string, hint auth.Secret, back string) (string, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.farewell == "" || hint.Reveal() != aHint {
		return "", false
	}
	return e.farewell + "?post_logout_redirect_uri=" + url.QueryEscape(back), true
}

func (e *elsewhere) LoggedOut(_ context.Context, provider, token string) (auth.ExternalLogout, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down != nil {
		return auth.ExternalLogout{}, e.down
	}
	if token != "good."+provider {
		return auth.ExternalLogout{}, &auth.Error{Code: auth.Forbidden, Reason: "no", Err: errors.New("the signature is wrong")}
	}
	return e.over, nil
}

func (e *elsewhere) Refresh(context.Context, string, string, auth.Secret) (auth.External, error) {
	return auth.External{}, &auth.Error{Code: auth.Unavailable, Reason: "not now"}
}

// JudgeToken takes a JWT that the tests made, whatever its signature.
func (e *elsewhere) JudgeToken(_ context.Context, providers []string, token auth.Secret) (auth.External, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !strings.HasSuffix(token.Reveal(), ".goodgoodgood") {
		return auth.External{}, &auth.Error{Code: auth.Unauthenticated, Reason: "no", Err: errors.New("signature")}
	}
	ext := e.person
	ext.Provider, ext.Issuer, ext.Ends = providers[0], "https://"+providers[0]+".example", time.Now().Add(time.Hour)
	return ext, nil
}

// knownElsewhere are the providers of these tests.
func knownElsewhere() []auth.Provider {
	return []auth.Provider{
		{Name: "corp", Title: "Example Corp", Type: "oidc", Issuer: "https://corp.example", Unlock: auth.UnlockAgain, AutoCreate: false},
		{Name: "open", Title: "Open House", Type: "oidc", Issuer: "https://open.example", Unlock: auth.UnlockOpen, AutoCreate: true},
		{Name: "other", Title: "Other", Type: "github", Issuer: "https://other.example", Unlock: auth.UnlockByPassword, AutoCreate: true},
	}
}

// newHouseWithDoors is a house with providers, where "subject-1" signs in.
func newHouseWithDoors(t *testing.T, hc houseConfig) (*house, *elsewhere) {
	t.Helper()
	e := &elsewhere{person: auth.External{Subject: "subject-1", Login: "ally", Email: "ally@corp.example", EmailVerified: true, DisplayName: "Ally"}}
	hc.logins = e
	h := newHouse(t, hc)
	h.auth.SetProviders(knownElsewhere(), e)
	h.secret.texts = append(h.secret.texts, code, aHint, "ssssssssssssssss")
	return h, e
}

// jar is what a browser keeps.
type jar map[string]string

// take keeps what an answer sets.
func (j jar) take(a answer) answer {
	for _, c := range (&http.Response{Header: a.header}).Cookies() {
		if c.MaxAge < 0 {
			delete(j, c.Name)
		} else {
			j[c.Name] = c.Value
		}
	}
	return a
}

// attempts is how many ways it is on.
func (j jar) attempts() int {
	n := 0
	for name := range j {
		if strings.Contains(name, "-attempt-") {
			n++
		}
	}
	return n
}

func (j jar) session() string {
	for name, value := range j {
		if strings.HasSuffix(name, "latchkey") {
			return value
		}
	}
	return ""
}

// send shows what it keeps.
func (j jar) send(r *http.Request) {
	for name, value := range j {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
}

// fromElsewhere is a link, or a redirect, of another site.
func fromElsewhere(r *http.Request) {
	navigate(r)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Sec-Fetch-Dest", "document")
}

// fromHere is a browser that shows a page of ours.
func (h *house) fromHere(j jar) with {
	return func(r *http.Request) {
		j.send(r)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if r.Method != http.MethodGet {
			r.Header.Set("Origin", h.origin)
		}
	}
}

// stateOf is what an address that Begin made wants back.
func stateOf(t *testing.T, to string) string {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil || u.Query().Get("state") == "" {
		t.Fatalf("no state in %q", to)
	}
	return u.Query().Get("state")
}

func back(provider, state string) string {
	return "/-/oauth/" + provider + "/callback?" + url.Values{"code": {code}, "state": {state}}.Encode()
}

// through goes to a provider by a link and back.
func (h *house) through(j jar, provider, next string) answer {
	h.t.Helper()
	at := "/-/oauth/" + provider + "/start"
	if next != "" {
		at += "?next=" + url.QueryEscape(next)
	}
	to := j.take(h.do("GET", at, nil, navigate, j.send)).is(http.StatusSeeOther).header.Get("Location")
	return j.take(h.do("GET", back(provider, stateOf(h.t, to)), nil, fromElsewhere, j.send))
}

// withForm goes to a provider by a form and back.
func (h *house) withForm(j jar, provider, purpose, next string) answer {
	h.t.Helper()
	page := j.take(h.submit("/-/oauth/"+provider+"/start", url.Values{"purpose": {purpose}, "next": {next}}, h.fromHere(j))).is(http.StatusOK)
	return j.take(h.do("GET", back(provider, stateOf(h.t, onward(page))), nil, fromElsewhere, j.send))
}

// onward is where a page goes on to by itself.
func onward(a answer) string {
	a.t.Helper()
	_, rest, ok := strings.Cut(a.body, `content="0;url=`)
	to, _, _ := strings.Cut(rest, `"`)
	if !ok {
		a.t.Fatalf("%s goes on to nowhere: %s", a.at, a.body)
	}
	return html.UnescapeString(to)
}

// signedIn is a browser in which somebody signed in with a password; with
// unlock the profile is open.
func (h *house) signedIn(name, password string, unlock bool) jar {
	h.t.Helper()
	j := jar{}
	j.take(h.submit("/ui/login", url.Values{"username": {name}, "password": {password}})).is(http.StatusSeeOther)
	if unlock {
		h.submit("/ui/profile/unlock", url.Values{"password": {password}}, h.fromHere(j)).is(http.StatusSeeOther)
	}
	return j
}

// linked is a browser of alice, unlocked, whose account at corp is linked.
func (h *house) linked() jar {
	h.t.Helper()
	j := h.signedIn("alice", alicePassword, true)
	if to := h.withForm(j, "corp", "bind", "").is(http.StatusSeeOther).header.Get("Location"); to != "/ui/profile/accounts?done=account-linked#" {
		h.t.Fatalf("linking leads to %q", to)
	}
	return j
}

// link links an account at corp to somebody who has a password, and tells its id.
func (h *house) link(name, password string) string {
	h.t.Helper()
	ctx, peer := h.t.Context(), auth.Peer{Addr: netip.MustParseAddr("127.0.0.1"), Door: "http", Client: "Mozilla/5.0"}
	secret, session, err := h.auth.Sessions.SignIn(ctx, peer, name, auth.NewSecret(password), false)
	if err != nil {
		h.t.Fatal(err)
	}
	who, err := h.auth.Identify(ctx, peer, auth.Session{Secret: secret})
	if err != nil {
		h.t.Fatal(err)
	}
	open, err := h.auth.Sessions.Unlock(ctx, who, auth.NewSecret(password))
	if err != nil {
		h.t.Fatal(err)
	}
	who.UnlockedUntil = open.UnlockedUntil
	bound, err := h.auth.Bindings.Create(ctx, who, session.ID, auth.External{Provider: "corp", Issuer: "https://corp.example", Subject: "of " + name, Login: name + " there"})
	if err != nil {
		h.t.Fatal(err)
	}
	return bound.ID
}

// whoIs is who a browser's session is of; empty: nobody.
func (h *house) whoIs(j jar) string {
	h.t.Helper()
	a := h.do("GET", gateway.APIRoot+"/whoami", nil, h.fromHere(j))
	if a.status == http.StatusUnauthorized {
		return ""
	}
	return a.is(http.StatusOK).field("user")
}

// bindings are the linked accounts of a user, as administrators see them.
func (h *house) bindings(user string) []auth.Binding {
	h.t.Helper()
	all, err := h.auth.Bindings.List(h.t.Context(), h.admin, user)
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}
