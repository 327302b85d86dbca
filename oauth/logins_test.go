package oauth_test

import (
	"context"
	"net/url"
	"reflect"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/internal/seal"
	"github.com/latchkey-io/latchkey/internal/testidp"
	"github.com/latchkey-io/latchkey/oauth"
)

const callback = "https://latchkey.example.com/-/oauth/corp/callback"

var testRing = sync.OnceValue(func() *seal.Ring {
	r, err := seal.NewRing()
	if err != nil {
		panic(err)
	}
	return r
})

// spent remembers what was used, as a store does.
type spent struct {
	mu   sync.Mutex
	seen map[string]time.Time
}

func (s *spent) spend(_ context.Context, id string, until time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.seen[id]; there {
		return &auth.Error{Code: auth.Exists, Reason: "used"}
	}
	if s.seen == nil {
		s.seen = map[string]time.Time{}
	}
	s.seen[id] = until
	return nil
}

// rig is one provider called corp, and what sends people there.
type rig struct {
	op     *testidp.OIDC
	clock  *clock
	spent  *spent
	config oauth.Config
	*oauth.Logins
}

func newRig(t testing.TB, change func(*oauth.Provider)) *rig {
	t.Helper()
	return rigAt(t, testidp.NewOIDC(t), change)
}

func rigAt(t testing.TB, op *testidp.OIDC, change func(*oauth.Provider)) *rig {
	t.Helper()
	r := &rig{op: op, clock: newClock(), spent: &spent{}}
	op.SetNow(r.clock.Now)
	if len(op.Client.Redirects) == 0 {
		op.Register(callback)
	}
	p := provider(op)
	if change != nil {
		change(&p)
	}
	r.config = oauth.Config{Providers: []oauth.Provider{p}, Ring: testRing(), Spend: r.spent.spend, Now: r.clock.Now}
	r.Logins = logins(t, r.config)
	return r
}

func provider(op *testidp.OIDC) oauth.Provider {
	return oauth.Provider{
		Name: "corp", Title: "Example Corp", Type: oauth.OIDC, Issuer: op.URL,
		ClientID: op.Client.ID, ClientSecret: auth.NewSecret(op.Client.Secret), Callback: callback,
	}
}

func logins(t testing.TB, c oauth.Config) *oauth.Logins {
	t.Helper()
	l, err := oauth.NewLogins(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// browser keeps the cookies of attempts.
type browser map[string]string

func (b browser) kept(id string) (string, bool) {
	sealed, ok := b[id]
	return sealed, ok
}

func attemptTo(p auth.Purpose) auth.Attempt {
	a := auth.Attempt{Purpose: p, Next: "/ui/profile?tab=keys"}
	if p != auth.ToSignIn {
		a.Session = "session-1"
	}
	return a
}

// there is the answer that the browser brings back; the error is Begin's.
func (r *rig) there(t testing.TB, b browser, a auth.Attempt) (url.Values, error) {
	t.Helper()
	to, id, sealed, err := r.Begin(t.Context(), "corp", a)
	if err != nil {
		return nil, err
	}
	if len(id) != 10 || len(sealed) > 1500 {
		t.Errorf("id %q, sealed %d bytes", id, len(sealed))
	}
	b[id] = sealed
	return r.op.Visit(to).Query(), nil
}

// visit is a whole way there and back.
func (r *rig) visit(t testing.TB, p auth.Purpose) (auth.External, error) {
	t.Helper()
	b := browser{}
	back, err := r.there(t, b, attemptTo(p))
	if err != nil {
		return auth.External{}, err
	}
	ext, a, err := r.Finish(t.Context(), "corp", back, b.kept)
	if err == nil && (a.Purpose != p || a.Next != "/ui/profile?tab=keys" || (p != auth.ToSignIn) != (a.Session == "session-1") || a.Begun.IsZero()) {
		t.Errorf("the attempt came back as %+v", a)
	}
	return ext, err
}

// reveal makes what is secret comparable.
func reveal(e auth.External) auth.External {
	if !e.Refresh.Empty() {
		e.Refresh = auth.NewSecret("there")
	}
	if !e.IDToken.Empty() {
		e.IDToken = auth.NewSecret("there")
	}
	return e
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		for _, style := range []string{"client_secret_basic", "client_secret_post", "none", ""} {
			r := newRig(t, func(p *oauth.Provider) {
				p.Groups = []oauth.GroupRule{{Claim: "st*"}, {Claim: "staff", Group: "everybody"}, {Claim: "other"}}
			})
			r.op.Full = full
			r.op.Change(testidp.Discovery, func(doc map[string]any) {
				if doc["token_endpoint_auth_methods_supported"] = []string{style}; style == "" {
					delete(doc, "token_endpoint_auth_methods_supported")
				}
			})
			if style == "none" {
				r.op.Client.Secret = ""
				r.config.Providers[0].ClientSecret = auth.Secret{}
				r.Logins = logins(t, r.config)
			}
			for _, purpose := range []auth.Purpose{auth.ToSignIn, auth.ToBind, auth.ToUnlock} {
				ext, err := r.visit(t, purpose)
				if err != nil {
					t.Fatalf("full %v, %q, %s: %v", full, style, purpose, err)
				}
				want := auth.External{
					Provider: "corp", Issuer: r.op.URL, Subject: testidp.Alice().Subject,
					Login: "alice", DisplayName: "Alice Example", Email: "alice@example.com", EmailVerified: true,
					Groups: []string{"everybody", "staff"}, SID: ext.SID,
					Refresh: auth.NewSecret("there"), IDToken: auth.NewSecret("there"),
				}
				if purpose == auth.ToUnlock {
					want.SignedIn = r.clock.Now()
				}
				if got := reveal(ext); !reflect.DeepEqual(got, want) || got.SID == "" {
					t.Errorf("full %v, %q, %s:\n%+v\n%+v", full, style, purpose, got, want)
				}
			}
			if full && r.op.Asked(testidp.Userinfo) != 0 {
				t.Error("userinfo was asked for what was known")
			}
			if n := r.op.Asked(testidp.Discovery); n != 1 {
				t.Errorf("discovery was read %d times", n)
			}
		}
	}
}

// What is sent to the provider, to the letter.
func TestWhereBeginLeads(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	to, _, _, err := r.Begin(t.Context(), "corp", attemptTo(auth.ToUnlock))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(q.Get(name)) {
			t.Errorf("%s is %q", name, q.Get(name))
		}
		q.Del(name)
	}
	want := url.Values{
		"response_type": {"code"}, "client_id": {"latchkey"}, "redirect_uri": {callback}, "scope": {"openid profile email"},
		"code_challenge_method": {"S256"}, "prompt": {"login"}, "max_age": {"0"},
	}
	if !reflect.DeepEqual(q, want) || u.Path != "/authorize" {
		t.Errorf("%s", to)
	}
}
