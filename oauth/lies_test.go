package oauth_test

import (
	"fmt"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

// Every lie, on every way, ends as it must, in time, and tells no secret.
func TestLies(t *testing.T) {
	t.Parallel()
	op := testidp.NewOIDC(t)
	op.Register(callback)
	for _, lie := range testidp.Lies() {
		if lie.Slow {
			continue
		}
		t.Run(lie.Name, func(t *testing.T) {
			op.Under(t)
			switch lie.Where {
			case testidp.Refresh:
				tellRefreshLie(t, op, lie)
				return
			case testidp.Logout:
				tellLogoutLie(t, op, lie)
				return
			case testidp.Profile:
				op.Full = true
				tellLie(t, op, lie, auth.ToSignIn)
				op.Full = false
				tellDomainLie(t, op, lie)
			}
			for _, purpose := range []auth.Purpose{auth.ToSignIn, auth.ToBind, auth.ToUnlock} {
				tellLie(t, op, lie, purpose)
			}
		})
	}
}

// Those that make us wait are told at once.
func TestSlowLies(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for _, lie := range testidp.Lies() {
		if lie.Slow {
			op := testidp.NewOIDC(t)
			all.Go(func() { tellLie(t, op, lie, auth.ToSignIn) })
		}
	}
	all.Wait()
}

// timedOut is how a deadline of ours that has passed is told: that of every lie
// which makes us wait, and of no other.
var timedOut = regexp.MustCompile(`no answer within|deadline exceeded`)

// words are what may be a secret in a document or an address.
var words = regexp.MustCompile(`[A-Za-z0-9._~+/-]{20,}`)

// overheard collects the secrets that a provider and a browser say.
type overheard struct {
	mu   sync.Mutex
	said []string
}

func (o *overheard) hear(op *testidp.OIDC) {
	op.ChangeText(testidp.Token, func(text []byte) []byte {
		o.add(string(text))
		return text
	})
	op.ChangeAnswer(func(to *url.URL) {
		o.add(to.Query().Get("code"))
		o.add(to.Query().Get("state")[10:])
	})
}

func (o *overheard) add(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(text) < 1<<20 {
		o.said = append(o.said, words.FindAllString(text, -1)...)
	}
}

func (o *overheard) check(t testing.TB, secret string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	text := fmt.Sprintf("%v %+v %q %s", err, err, err, cause(err))
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range append(o.said, secret, url.QueryEscape(secret)) {
		if s != "" && strings.Contains(text, s) {
			t.Errorf("%q is told in %q", s, text)
		}
	}
	e, ok := err.(*auth.Error)
	if !ok || e.Reason == "" || len(e.Reason) > 250 || len(text) > 4000 {
		t.Errorf("the error is %q", text)
	}
}

func tellLie(t *testing.T, op *testidp.OIDC, lie testidp.Lie, purpose auth.Purpose) {
	t.Helper()
	op.Honest()
	var heard overheard
	heard.hear(op)
	lie.Apply(op)
	r := rigAt(t, op, func(p *oauth.Provider) { p.Groups = []oauth.GroupRule{{Claim: "staff"}} })
	ext, err := r.visit(t, purpose)
	if waited := err != nil && timedOut.MatchString(cause(err)); waited != lie.Slow {
		t.Errorf("%s: %s ended by a deadline: %v, %v", lie.Name, purpose, waited, err)
	}
	heard.check(t, op.Client.Secret, err)
	must := lie.Must
	switch {
	case must == testidp.RefusedFresh && purpose == auth.ToUnlock, must == testidp.RefusedFreshOrEither && purpose == auth.ToUnlock:
		must = testidp.Refused
	case must == testidp.RefusedFresh:
		must = testidp.Allowed
	case must == testidp.RefusedFreshOrEither:
		must = testidp.Either
	}
	switch {
	case err != nil:
		code := auth.CodeOf(err)
		if must == testidp.Allowed || must == testidp.Unverified || code != auth.Invalid && code != auth.Forbidden && code != auth.Unavailable {
			t.Errorf("%s, %s: %v", lie.Name, purpose, err)
		}
		if !reflect.DeepEqual(ext, auth.External{}) {
			t.Errorf("%s: somebody comes with the error: %+v", purpose, ext)
		}
		return
	case must == testidp.Refused:
		t.Errorf("%s: signed in: %+v", purpose, ext)
	case ext.EmailVerified == (must == testidp.Unverified) && must != testidp.Either:
		t.Errorf("%s: %+v", purpose, ext)
	}
	if ext.Subject != testidp.Alice().Subject || ext.Issuer != op.URL || ext.Provider != "corp" ||
		len(ext.Login) > 128 || len(ext.DisplayName) > 256 || len(ext.Email) > 254 || len(ext.Groups) > 200 ||
		strings.ContainsAny(ext.Login+ext.DisplayName+ext.Email, "\r\n\x00\x1b\u202e") {
		t.Errorf("%s: %+v", purpose, ext)
	}
}

// tellDomainLie is for a provider of whose people those of a domain are let in.
func tellDomainLie(t *testing.T, op *testidp.OIDC, lie testidp.Lie) {
	t.Helper()
	op.Honest()
	lie.Apply(op)
	r := rigAt(t, op, func(p *oauth.Provider) { p.AllowedDomains = []string{"EXAMPLE.com"} })
	ext, err := r.visit(t, auth.ToSignIn)
	switch {
	case lie.Must == testidp.Unverified && auth.CodeOf(err) != auth.Forbidden:
		t.Errorf("without a verified address: %+v, %v", ext, err)
	case lie.Must == testidp.Allowed && err != nil:
		t.Error(err)
	case err == nil && (!ext.EmailVerified || ext.Email != "alice@example.com"):
		t.Errorf("let in with %q", ext.Email)
	}
}

func tellRefreshLie(t *testing.T, op *testidp.OIDC, lie testidp.Lie) {
	t.Helper()
	op.Honest()
	var heard overheard
	heard.hear(op)
	r := rigAt(t, op, nil)
	ext, err := r.visit(t, auth.ToSignIn)
	if err != nil {
		t.Fatal(err)
	}
	lie.Apply(op)
	_, err = r.Refresh(t.Context(), "corp", ext.Subject, ext.Refresh)
	heard.check(t, op.Client.Secret, err)
	if lie.Must != testidp.Refused || auth.CodeOf(err) != auth.Unauthenticated {
		t.Error(err)
	}
}

func tellLogoutLie(t *testing.T, op *testidp.OIDC, lie testidp.Lie) {
	t.Helper()
	op.Honest()
	lie.Apply(op)
	r := rigAt(t, op, nil)
	for _, who := range [][2]string{{"sub-1", "sid-1"}, {"sub-1", ""}, {"", "sid-1"}} {
		if lie.Must == testidp.Refused && who[0] == "" {
			continue // some are lies about a sub that is there
		}
		token := op.LogoutToken(who[0], who[1])
		out, err := r.LoggedOut(t.Context(), "corp", token)
		switch {
		case err != nil && (lie.Must == testidp.Allowed || auth.CodeOf(err) != auth.Invalid):
			t.Error(err)
		case err == nil && lie.Must == testidp.Refused:
			t.Errorf("%+v", out)
		case err == nil && (out.Subject != who[0] || out.SID != who[1] || out.ID == "" || out.Provider != "corp" || out.Issuer != op.URL):
			t.Errorf("%+v", out)
		case err != nil && out != (auth.ExternalLogout{}):
			t.Errorf("an end comes with the error: %+v", out)
		}
		if err != nil && len(token) > 40 && strings.Contains(err.Error(), token[:40]) {
			t.Error("the error repeats the token")
		}
	}
}
