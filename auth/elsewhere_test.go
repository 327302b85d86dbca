package auth_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

const (
	corpIssuer = "https://id.example.com"
	gheIssuer  = "https://git.example.com"
)

// elsewhere is providers that hand out a secret for each next question and take
// each once, as those that rotate do. Tokens are JWTs of any signature that it
// was told of.
type elsewhere struct {
	t  testing.TB
	mu sync.Mutex

	good   map[string]auth.External // by refresh secret
	spent  map[string]bool
	now    map[string]auth.External // what they say of a subject today
	tokens map[string]auth.External // by JWT
	down   bool
	asked  int           // questions that were answered or refused
	judged int           // tokens
	wait   chan struct{} // where not nil, questions wait for it to close
	begun  chan struct{} // of capacity; one for each question that began
	n      int
}

func newElsewhere(t testing.TB) *elsewhere {
	return &elsewhere{
		t: t, good: map[string]auth.External{}, spent: map[string]bool{}, now: map[string]auth.External{},
		tokens: map[string]auth.External{}, begun: make(chan struct{}, 100),
	}
}

// comes is what a provider says when the person signs in there.
func (e *elsewhere) comes(ext auth.External) auth.External {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.issue(ext)
}

func (e *elsewhere) issue(ext auth.External) auth.External {
	e.n++
	refresh := fmt.Sprintf("refresh-%s-%d", ext.Subject, e.n)
	ext.Refresh, ext.IDToken = auth.NewSecret(refresh), auth.NewSecret(fmt.Sprintf("id-token-%s-%d", ext.Subject, e.n))
	e.good[refresh] = ext
	if _, told := e.now[ext.Subject]; !told {
		e.now[ext.Subject] = ext
	}
	return ext
}

// says changes what is said of a subject; with gone nothing is any more.
func (e *elsewhere) says(subject string, change func(*auth.External)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ext := e.now[subject]
	change(&ext)
	e.now[subject] = ext
}

func (e *elsewhere) Refresh(ctx context.Context, provider, subject string, refresh auth.Secret) (auth.External, error) {
	e.begun <- struct{}{}
	e.mu.Lock()
	wait := e.wait
	e.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return auth.External{}, &auth.Error{Code: auth.Unavailable, Reason: "slow", Err: ctx.Err()}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := ctx.Deadline(); !ok {
		e.t.Error("a question without a deadline")
	}
	if e.down {
		return auth.External{}, &auth.Error{Code: auth.Unavailable, Reason: "the provider does not answer"}
	}
	e.asked++
	ext, ok := e.good[refresh.Reveal()]
	switch {
	case !ok:
		return auth.External{}, &auth.Error{Code: auth.Unauthenticated, Reason: "no", Err: errors.New("unknown refresh secret")}
	case e.spent[refresh.Reveal()]:
		return auth.External{}, &auth.Error{Code: auth.Unauthenticated, Reason: "no", Err: errors.New("refresh secret used twice")}
	case ext.Subject != subject || ext.Provider != provider:
		e.t.Errorf("asked %s of %s with the secret of %s at %s", subject, provider, ext.Subject, ext.Provider)
	}
	e.spent[refresh.Reveal()] = true
	if e.now[subject].Provider == "" {
		return auth.External{}, &auth.Error{Code: auth.Unauthenticated, Reason: "no", Err: errors.New("the person left")}
	}
	return e.issue(e.now[subject]), nil
}

func (e *elsewhere) JudgeToken(ctx context.Context, providers []string, token auth.Secret) (auth.External, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.judged++
	if d, ok := ctx.Deadline(); !ok || time.Until(d) < 5*time.Second {
		e.t.Error("a provider's keys are given less than five seconds, or for ever")
	}
	if e.down {
		return auth.External{}, &auth.Error{Code: auth.Unavailable, Reason: "the provider does not answer"}
	}
	ext, ok := e.tokens[token.Reveal()]
	if !ok {
		return auth.External{}, &auth.Error{Code: auth.Unauthenticated, Reason: "no", Err: errors.New("bad signature")}
	}
	return ext, nil
}

func (e *elsewhere) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

// corp is an OpenID provider, ghe one of OAuth 2.
func corp(change ...func(*auth.Provider)) auth.Provider {
	p := auth.Provider{Name: "corp", Title: "Example Corp", Type: "oidc", Issuer: corpIssuer, Unlock: auth.UnlockAgain}
	for _, f := range change {
		f(&p)
	}
	return p
}

func ghe() auth.Provider {
	return auth.Provider{Name: "ghe", Type: "github", Issuer: gheIssuer, Unlock: auth.UnlockByPassword}
}

func autoCreate(p *auth.Provider) { p.AutoCreate = true }

// atCorp is an identity there.
func atCorp(subject string, change ...func(*auth.External)) auth.External {
	ext := auth.External{Provider: "corp", Issuer: corpIssuer, Subject: subject}
	for _, f := range change {
		f(&ext)
	}
	return ext
}

func login(name string) func(*auth.External) { return func(e *auth.External) { e.Login = name } }
func sid(id string) func(*auth.External)     { return func(e *auth.External) { e.SID = id } }
func given(groups ...string) func(*auth.External) {
	return func(e *auth.External) { e.Groups = groups }
}

func atGHE(subject string) auth.External {
	return auth.External{Provider: "ghe", Issuer: gheIssuer, Subject: subject}
}

// elsewhere begins with both providers.
func (w *world) elsewhere(providers ...auth.Provider) *elsewhere {
	w.t.Helper()
	if providers == nil {
		providers = []auth.Provider{corp(), ghe()}
	}
	e := newElsewhere(w.t)
	w.SetProviders(providers, e)
	return e
}

// link binds ext to user, who has a password.
func (w *world) link(user string, ext auth.External) auth.Binding {
	w.t.Helper()
	s, info := w.session(user, true)
	b, err := w.Bindings.Create(w.t.Context(), w.who(s), info.ID, ext)
	if err != nil {
		w.t.Fatalf("link %s: %v", user, err)
	}
	return b
}

func (w *world) tryThrough(ext auth.External) (auth.Session, auth.SessionInfo, error) {
	secret, info, err := w.Sessions.SignInThrough(w.t.Context(), home, ext)
	return auth.Session{Secret: secret}, info, err
}

func (w *world) through(ext auth.External) (auth.Session, auth.SessionInfo) {
	w.t.Helper()
	s, info, err := w.tryThrough(ext)
	if err != nil {
		w.t.Fatalf("sign in through %s as %s: %v", ext.Provider, ext.Subject, err)
	}
	return s, info
}

// replicas are two with both providers where the store can be shared, else one
// twice.
func replicas(t *testing.T, b backend) (w, second *world, e *elsewhere) {
	t.Helper()
	store, c, more := b.open(t)
	w = worldOver(t, store, c)
	fastHash(w)
	second = w
	if more != nil {
		second = worldOver(t, more(), c, func(conf *auth.Config) { conf.Ring = w.ring })
	}
	e = w.elsewhere()
	second.SetProviders([]auth.Provider{corp(), ghe()}, e)
	return w, second, e
}

// copied is an Authority over a copy of w's store, as wrap gives it, at the
// same time: what takes long to make is made once. Passwords are all right.
func (w *world) copied(wrap func(keystore.Store) keystore.Store, providers ...auth.Provider) (*world, *elsewhere) {
	w.t.Helper()
	c := storetest.NewClock()
	c.Advance(w.clock.Now().Sub(c.Now()))
	store := storetest.NewMemory(c.Now)
	copyStore(w.t, w.store, store)
	next := worldOver(w.t, wrap(store), c)
	next.SetMatches(func(string, string) bool { return true })
	return next, next.elsewhere(providers...)
}
