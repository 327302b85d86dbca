package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// upstreamSecret is what alice shows to upstreams in these tests.
const upstreamSecret = "glpat-VeryLongSecretOfAliceAtTheUpstream"

func upstreamAt(t testing.TB, name, address string, send auth.UpstreamSend) auth.Upstream {
	t.Helper()
	u, err := url.Parse(address)
	must(t, err)
	up := auth.Upstream{Name: name, URL: u, Send: send}
	if send == auth.UpstreamHeader {
		up.Header = "Private-Token"
	}
	return up
}

// recorder is a probe that takes one pair and remembers what it was given.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) Probe(ctx context.Context, up auth.Upstream, name string, secret auth.Secret) auth.UpstreamAnswer {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, bounded := ctx.Deadline(); !bounded {
		return auth.UpstreamAnswer{Said: "no deadline"}
	}
	r.seen = append(r.seen, up.Name+" "+name+" "+secret.Reveal())
	if secret.Reveal() == upstreamSecret {
		return auth.UpstreamAnswer{Accepted: true, Status: 200, Said: "yes"}
	}
	return auth.UpstreamAnswer{Status: 401, Said: "no"}
}

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// withUpstreams gives w one upstream of each way of sending.
func withUpstreams(w *world) (basic, bearer, header auth.Upstream, probe *recorder) {
	basic = upstreamAt(w.t, "packages", "https://packages.example.com/whoami", auth.UpstreamBasic)
	bearer = upstreamAt(w.t, "models", "https://models.example.com/", auth.UpstreamBearer)
	header = upstreamAt(w.t, "git", "https://git.example.com/api", auth.UpstreamHeader)
	probe = new(recorder)
	w.SetUpstreams([]auth.Upstream{basic, bearer, header}, probe)
	return basic, bearer, header, probe
}

func (w *world) setUpstream(who auth.Identity, owner, upstream, name, secret string) {
	w.t.Helper()
	if _, err := w.Upstreams.Set(w.t.Context(), who, owner, upstream, name, auth.NewSecret(secret)); err != nil {
		w.t.Fatalf("%s for %s by %s: %v", upstream, owner, who.Via.Kind, err)
	}
}

// wantUpstream checks what For gives: "name secret", or the code of a refusal.
func (w *world) wantUpstream(what string, who auth.Identity, up auth.Upstream, want string) {
	w.t.Helper()
	name, secret, err := w.Upstreams.For(w.t.Context(), who, up)
	got := string(auth.CodeOf(err))
	if err == nil {
		got = name + " " + secret.Reveal()
	} else if !secret.Empty() || name != "" {
		w.t.Errorf("%s: a refusal came with a secret", what)
	}
	if got != want {
		w.t.Errorf("%s: %q, want %q (%v)", what, got, want, err)
	}
}

func TestUpstreamCredentials(t *testing.T) {
	w := newWorld(t)
	basic, bearing, header, _ := withUpstreams(w)
	w.user("alice", withPassword)
	w.user("bob", withPassword)
	ctx := t.Context()
	alice, bob := w.who(password("alice")), w.who(password("bob"))
	if known := w.Upstreams.Known(); len(known) != 3 || known[0].Name != "git" || known[2].Name != "packages" {
		t.Errorf("known: %v", known)
	}
	w.wantUpstream("nothing stored", alice, basic, "not_found")

	w.setUpstream(alice, "alice", "packages", "alice@upstream", upstreamSecret)
	w.setUpstream(alice, "alice", "models", "", "token.of.alice")
	w.setUpstream(alice, "alice", "git", "ali", "git token")
	w.setUpstream(bob, "bob", "packages", "bob", "secret of bob")
	w.wantUpstream("basic", alice, basic, "alice@upstream "+upstreamSecret)
	w.wantUpstream("bearer", alice, bearing, " token.of.alice")
	w.wantUpstream("header", alice, header, "ali git token")
	w.wantUpstream("of somebody else", bob, basic, "bob secret of bob")
	w.wantUpstream("of somebody else, none", bob, header, "not_found")

	list, err := w.Upstreams.List(ctx, alice, "alice")
	must(t, err)
	if len(list) != 3 || list[0].Upstream != "git" || list[0].Name != "ali" || list[2].Name != "alice@upstream" || list[2].Stale || list[2].Created.IsZero() {
		t.Errorf("list: %+v", list)
	}

	w.setUpstream(alice, "alice", "packages", "alice2", "another")
	w.wantUpstream("replaced", alice, basic, "alice2 another")
	must(t, w.Upstreams.Delete(ctx, alice, "alice", "packages"))
	w.wantUpstream("deleted", alice, basic, "not_found")
	w.wantUpstream("not deleted", alice, bearing, " token.of.alice")
	wantCode(t, "deleted twice", w.Upstreams.Delete(ctx, alice, "alice", "packages"), auth.NotFound)
	must(t, w.Upstreams.Delete(ctx, w.admin, "alice", "models"))
	must(t, w.Upstreams.Delete(ctx, w.admin, "alice", "git"))
	if _, err := w.store.Get(ctx, "upstream/alice"); !errors.Is(err, keystore.ErrNotFound) {
		t.Errorf("an empty record is kept: %v", err)
	}
	w.wantUpstream("all deleted by an administrator", alice, header, "not_found")
	w.wantUpstream("bob's stays", bob, basic, "bob secret of bob")
}

func TestUpstreamPairsAreChecked(t *testing.T) {
	w := newWorld(t)
	withUpstreams(w)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	long := strings.Repeat("x", auth.MaxUpstreamSecret)
	for _, tc := range []struct{ upstream, name, secret, field string }{
		{"packages", "", "", "name"},
		{"packages", "", "s", "name"},
		{"packages", "n", "", "secret"},
		{"packages", "a:b", "s", "name"},
		{"packages", "a\nb", "s", "name"},
		{"packages", "a\x00b", "s", "name"},
		{"packages", "\xff", "s", "name"},
		{"packages", "n", "a\r\nX-Forwarded-User: admin", "secret"},
		{"packages", "n", "\xff", "secret"},
		{"packages", strings.Repeat("n", auth.MaxUpstreamName+1), "s", "name"},
		{"packages", "n", long + "x", "secret"},
		{"packages", "Zoë", "pässword with spaces: and colons", ""},
		{"packages", "n", long, ""},
		{"models", "", "", "secret"},
		{"models", "name alone", "", "secret"},
		{"models", "", "two words", "secret"},
		{"models", "", "tökën", "secret"},
		{"models", "a name", "token", ""},
		{"git", "", "", "secret"},
		{"git", "", " token", "secret"},
		{"git", "", "token\n", "secret"},
		{"git", "", "tok\x7fen", "secret"},
		{"git", "", "tökën", "secret"},
		{"git", "", "Token 123", ""},
	} {
		_, err := w.Upstreams.Set(t.Context(), alice, "alice", tc.upstream, tc.name, auth.NewSecret(tc.secret))
		_, tested := w.Upstreams.Test(t.Context(), w.admin, "alice", tc.upstream, tc.name, auth.NewSecret(tc.secret))
		if tc.field == "" {
			must(t, err)
			must(t, tested)
			continue
		}
		wantCode(t, fmt.Sprintf("%.40q", tc), err, auth.Invalid, tc.field)
		if tc.name != "" || tc.secret != "" { // nothing at all tests what is stored
			wantCode(t, fmt.Sprintf("test of %.40q", tc), tested, auth.Invalid, tc.field)
		}
	}
	_, err := w.Upstreams.Set(t.Context(), alice, "alice", "none", "n", auth.NewSecret("s"))
	wantCode(t, "no such upstream", err, auth.NotFound)
	_, err = w.Upstreams.Set(t.Context(), w.admin, "nobody", "packages", "n", auth.NewSecret("s"))
	if err == nil {
		t.Error("stored for nobody")
	}
	_, err = w.Upstreams.Set(t.Context(), w.admin, w.admin.User, "packages", "n", auth.NewSecret("s"))
	wantCode(t, "for the administrator at the socket", err, auth.Invalid)
}

// Whoever may not change a profile stores nothing in it, and who may not see
// it sees no names.
func TestUpstreamRights(t *testing.T) {
	w := newWorld(t)
	basic, _, _, _ := withUpstreams(w)
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	w.user("boss", withPassword, asAdmin)
	w.user("fixed", withPassword, func(n *auth.NewUser) { n.ProfileFixed = true })
	ctx := t.Context()
	alice := w.who(password("alice"))
	w.setUpstream(alice, "alice", "packages", "ali", upstreamSecret)
	locked, _ := w.session("alice", false)
	open, _ := w.session("alice", true)
	ssh, _ := w.sshKey(w.admin, "boss", time.Time{})
	s := auth.NewSecret("another secret")
	for what, tc := range map[string]struct {
		who                     auth.Identity
		owner                   string
		list, set, test, delete auth.Code
	}{
		"anonymous":             {auth.Identity{}, "alice", auth.Unauthenticated, auth.Unauthenticated, auth.Unauthenticated, auth.Unauthenticated},
		"somebody else":         {w.who(password("eve")), "alice", auth.Forbidden, auth.Forbidden, auth.Forbidden, auth.Forbidden},
		"own API key":           {w.who(w.apiKey(w.admin, "alice")), "alice", "", auth.Forbidden, auth.Forbidden, auth.NotFound},
		"own locked session":    {w.who(locked), "alice", "", auth.Locked, auth.Locked, auth.Locked},
		"own unlocked session":  {w.who(open), "alice", "", "", "", auth.NotFound},
		"own artifact token":    {w.who(bearer(w.token(alice, auth.NewToken{Scope: "artifact:lfs:r"}).JWT)), "alice", auth.Forbidden, auth.Forbidden, auth.Forbidden, auth.Forbidden},
		"own profile, fixed":    {w.who(password("fixed")), "fixed", "", auth.Forbidden, auth.Forbidden, auth.NotFound},
		"administrator":         {w.who(password("boss")), "alice", "", "", "", auth.NotFound},
		"administrator, fixed":  {w.who(password("boss")), "fixed", "", "", "", auth.NotFound},
		"administrator by SSH":  {w.who(ssh), "alice", "", auth.Forbidden, "", auth.NotFound},
		"short token":           {w.who(w.grant(alice, lfs)), "alice", auth.Forbidden, auth.Forbidden, auth.Forbidden, auth.Forbidden},
		"administrator, nobody": {w.who(password("boss")), "nobody", "", auth.NotFound, auth.NotFound, auth.NotFound},
	} {
		_, err := w.Upstreams.List(ctx, tc.who, tc.owner)
		wantCode(t, what+" lists", err, tc.list)
		_, err = w.Upstreams.Set(ctx, tc.who, tc.owner, "packages", "n", s)
		wantCode(t, what+" stores", err, tc.set)
		_, err = w.Upstreams.Test(ctx, tc.who, tc.owner, "packages", "n", s)
		wantCode(t, what+" tests", err, tc.test)
		wantCode(t, what+" deletes", w.Upstreams.Delete(ctx, tc.who, tc.owner, "git"), tc.delete)
	}
	// A fixed profile's credential can be taken away, and does its work.
	w.wantUpstream("of a fixed profile", w.who(password("fixed")), basic, "n another secret")
	must(t, w.Upstreams.Delete(ctx, w.who(password("fixed")), "fixed", "packages"))
	// An identity found before its credential ended has no power left.
	must(t, w.Users.Disable(ctx, w.admin, "alice"))
	_, err := w.Upstreams.Set(ctx, alice, "alice", "packages", "n", s)
	wantCode(t, "stored while disabled", err, auth.Unauthenticated)
	_, err = w.Upstreams.Test(ctx, alice, "alice", "packages", "", auth.Secret{})
	wantCode(t, "tested while disabled", err, auth.Unauthenticated)
}

// A credential is lent its user's own only when it stands for all of the user.
func TestWhoIsLentAnUpstreamCredential(t *testing.T) {
	w := newWorld(t)
	basic, _, _, _ := withUpstreams(w)
	w.group("crew")
	w.user("alice", withPassword, inGroups("crew"), asAdmin)
	w.user("robot", asService)
	alice := w.who(password("alice"))
	w.setUpstream(alice, "alice", "packages", "ali", upstreamSecret)
	w.setUpstream(w.admin, "robot", "packages", "rob", "secret of robot")
	whole := "ali " + upstreamSecret
	session, _ := w.session("alice", false)
	ssh, _ := w.sshKey(w.admin, "alice", time.Time{})
	token := func(scope string) auth.Identity {
		return w.who(bearer(w.token(alice, auth.NewToken{Life: time.Hour, Scope: scope}).JWT))
	}
	short := func(who auth.Identity) auth.Identity {
		secret, _, err := w.Tokens.Short(t.Context(), who)
		must(t, err)
		return w.who(bearer(secret))
	}
	for what, tc := range map[string]struct {
		who  auth.Identity
		want string
	}{
		"password":              {alice, whole},
		"API key":               {w.who(w.apiKey(w.admin, "alice")), whole},
		"locked session":        {w.who(session), whole},
		"SSH key":               {w.who(ssh), whole},
		"token":                 {token(""), whole},
		"administrator's token": {token("applied-permissions/admin"), whole},
		"container token":       {short(alice), whole},
		"token of a group":      {token("applied-permissions/groups:crew"), "forbidden"},
		"token of artifacts":    {token("artifact:**:r,w"), "forbidden"},
		"both":                  {token("applied-permissions/groups:crew artifact:**:*"), "forbidden"},
		"container token of it": {short(token("applied-permissions/groups:crew")), "forbidden"},
		"git-lfs token":         {w.who(w.grant(alice, lfs)), "forbidden"},
		"nobody":                {auth.Identity{}, "forbidden"},
		"the socket":            {w.admin, "forbidden"},
		"service account":       {w.who(w.apiKey(w.admin, "robot")), "rob secret of robot"},
	} {
		w.wantUpstream(what, tc.who, basic, tc.want)
		w.wantUpstream(what+", again", tc.who, basic, tc.want)
	}
}

// What was entered for one address and one way of sending goes nowhere else
// and no other way, whatever the configuration says later.
func TestChangedUpstreamsAreStale(t *testing.T) {
	w := newWorld(t)
	basic, _, header, probe := withUpstreams(w)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	w.setUpstream(alice, "alice", "packages", "ali", upstreamSecret)
	w.setUpstream(alice, "alice", "git", "", upstreamSecret)
	w.wantUpstream("as entered", alice, basic, "ali "+upstreamSecret)
	otherHeader := header
	otherHeader.Header = "X-Echoed"
	for what, up := range map[string]auth.Upstream{
		"another host":   upstreamAt(t, "packages", "https://packages.example.org/whoami", auth.UpstreamBasic),
		"a host below":   upstreamAt(t, "packages", "https://packages.example.com.evil.example/", auth.UpstreamBasic),
		"another port":   upstreamAt(t, "packages", "https://packages.example.com:8443/whoami", auth.UpstreamBasic),
		"without TLS":    upstreamAt(t, "packages", "http://packages.example.com/whoami", auth.UpstreamBasic),
		"plain TLS port": upstreamAt(t, "packages", "http://packages.example.com:443/whoami", auth.UpstreamBasic),
		"another way":    upstreamAt(t, "packages", "https://packages.example.com/whoami", auth.UpstreamBearer),
		"another header": otherHeader,
		"a header now":   upstreamAt(t, "packages", "https://packages.example.com/whoami", auth.UpstreamHeader),
	} {
		w.SetUpstreams([]auth.Upstream{up}, probe)
		w.wantUpstream(what, alice, up, "not_found")
		list, err := w.Upstreams.List(t.Context(), alice, "alice")
		must(t, err)
		for _, c := range list {
			if !c.Stale {
				t.Errorf("%s: %+v is not stale", what, c)
			}
		}
		_, err = w.Upstreams.Test(t.Context(), alice, "alice", up.Name, "", auth.Secret{})
		wantCode(t, "test of "+what, err, auth.Invalid, "secret")
	}
	if seen := probe.take(); len(seen) > 0 {
		t.Errorf("sent: %q", seen)
	}
	// The same address spelled otherwise, and another path, are no change.
	same := upstreamAt(t, "packages", "HTTPS://Packages.Example.COM:443/elsewhere", auth.UpstreamBasic)
	w.wantUpstream("the same in other letters", alice, same, "ali "+upstreamSecret)
	same = header
	same.Header = "PRIVATE-TOKEN"
	w.wantUpstream("the same header in other letters", alice, same, " "+upstreamSecret)

	// One that is gone is listed, so that it can be deleted.
	w.SetUpstreams(nil, nil)
	list, err := w.Upstreams.List(t.Context(), alice, "alice")
	must(t, err)
	if len(list) != 2 || !list[0].Stale || list[1].Name != "ali" {
		t.Errorf("%+v", list)
	}
	must(t, w.Upstreams.Delete(t.Context(), alice, "alice", "packages"))
	// Entered again, it is in force for the new address alone.
	moved := upstreamAt(t, "git", "https://git.example.org", auth.UpstreamHeader)
	w.SetUpstreams([]auth.Upstream{moved}, probe)
	w.setUpstream(alice, "alice", "git", "", "entered again")
	w.wantUpstream("entered again", alice, moved, " entered again")
	w.wantUpstream("at the old address", alice, header, "not_found")
}

// account reads and alters alice's record as it lies in the store.
func (w *world) alterStored(key string, alter func(map[string]any)) {
	w.t.Helper()
	old, err := w.store.Get(w.t.Context(), key)
	must(w.t, err)
	var record map[string]any
	d := json.NewDecoder(strings.NewReader(string(old.Value)))
	d.UseNumber()
	must(w.t, d.Decode(&record))
	alter(record)
	text, err := json.Marshal(record)
	must(w.t, err)
	next := old
	next.Value = text
	must(w.t, w.store.Replace(w.t.Context(), old, next))
}

// reset chooses a new password for a user with an administrator's link.
func (w *world) reset(user string, keep bool) {
	w.t.Helper()
	link, err := w.Passwords.ResetLink(w.t.Context(), w.admin, user)
	must(w.t, err)
	must(w.t, w.Passwords.Reset(w.t.Context(), home, user, link.Key, auth.NewSecret("quite another long password"), keep))
}

// endUpstreams ends all upstream credentials of a user, as a reset does.
func (w *world) endUpstreams(user string) {
	w.alterStored("user/"+user, func(r map[string]any) {
		var n uint64
		epochs := r["epochs"].(map[string]any)
		fmt.Sscan(epochs["upstream"].(json.Number).String(), &n)
		epochs["upstream"] = n + 1
	})
}

// Over every store: what ended is never lent again, here at once and at
// another replica within a second.
func TestUpstreamCredentialsEnd(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, more := b.open(t)
			w := worldOver(t, store, c)
			basic, _, _, _ := withUpstreams(w)
			replica := w
			if more != nil {
				replica = worldOver(t, more(), c, func(config *auth.Config) { config.Ring = w.ring })
				withUpstreams(replica)
			}
			ctx := t.Context()
			for what, end := range map[string]func(user string){
				"deleted by its owner": func(user string) {
					must(t, w.Upstreams.Delete(ctx, w.who(password(user)), user, "packages"))
				},
				"deleted by an administrator": func(user string) { must(t, w.Upstreams.Delete(ctx, w.admin, user, "packages")) },
				"disabled":                    func(user string) { must(t, w.Users.Disable(ctx, w.admin, user)) },
				"account deleted":             func(user string) { must(t, w.Users.Delete(ctx, w.admin, user)) },
				"account made anew": func(user string) {
					must(t, w.Users.Delete(ctx, w.admin, user))
					w.user(user, withPassword)
				},
				"ended with a reset": func(user string) { w.reset(user, false) },
			} {
				user := strings.ReplaceAll(what, " ", "-")
				if what == "deleted by its owner" {
					w.user(user, withPassword)
				} else {
					w.user(user)
				}
				who := w.who(w.apiKey(w.admin, user))
				w.setUpstream(w.admin, user, "packages", "n", upstreamSecret)
				eventually(t, patience, what+": lent at the replica", func() bool {
					_, _, err := replica.Upstreams.For(ctx, who, basic)
					return err == nil
				})
				w.wantUpstream(what+", before", who, basic, "n "+upstreamSecret)
				end(user)
				w.wantUpstream(what, who, basic, "not_found")
				eventually(t, 2*time.Second, what+": ended at the replica", func() bool {
					_, _, err := replica.Upstreams.For(ctx, who, basic)
					return auth.CodeOf(err) == auth.NotFound
				})
				if what == "disabled" {
					must(t, w.Users.Enable(ctx, w.admin, user))
					w.wantUpstream("enabled again", who, basic, "n "+upstreamSecret)
					continue
				}
				if list, err := w.Upstreams.List(ctx, w.admin, user); err != nil || len(list) > 0 {
					t.Errorf("%s: listed: %+v, %v", what, list, err)
				}
				_, err := w.Upstreams.Test(ctx, w.admin, user, "packages", "", auth.Secret{})
				wantCode(t, what+": test", err, auth.NotFound)
				if what != "ended with a reset" {
					if _, err := store.Get(ctx, "upstream/"+user); !errors.Is(err, keystore.ErrNotFound) {
						t.Errorf("%s: the record is kept: %v", what, err)
					}
				}
			}
			// A reset by who only forgot the password keeps it.
			w.user("forgetful", withPassword)
			who := w.who(w.apiKey(w.admin, "forgetful"))
			w.setUpstream(w.admin, "forgetful", "packages", "n", upstreamSecret)
			w.reset("forgetful", true)
			w.wantUpstream("kept with a reset", who, basic, "n "+upstreamSecret)
			// A namesake's own is not touched by what its predecessor had.
			anew := w.who(password("account-made-anew"))
			w.setUpstream(anew, anew.User, "packages", "new", "of the namesake")
			w.wantUpstream("the namesake's", anew, basic, "new of the namesake")
		})
	}
}

// Whoever can write to the store, but has no key ring, makes nobody show
// somebody else's secret, and sends none elsewhere.
func TestSealedUpstreamSecretsCannotBeMoved(t *testing.T) {
	w := newWorld(t)
	basic, bearing, _, probe := withUpstreams(w)
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	alice, eve := w.who(password("alice")), w.who(password("eve"))
	w.setUpstream(alice, "alice", "packages", "ali", upstreamSecret)
	w.setUpstream(eve, "eve", "packages", "eve", "secret of eve")
	var stolen any
	w.alterStored("upstream/alice", func(r map[string]any) { stolen = r["of"].(map[string]any)["packages"] })
	w.alterStored("upstream/eve", func(r map[string]any) { r["of"].(map[string]any)["packages"] = stolen })
	w.wantUpstream("moved to another user", eve, basic, "not_found")
	list, err := w.Upstreams.List(t.Context(), eve, "eve")
	must(t, err)
	if len(list) != 1 || !list[0].Stale || list[0].Name != "" {
		t.Errorf("moved to another user: %+v", list)
	}

	evil := upstreamAt(t, "packages", "https://evil.example", auth.UpstreamBasic)
	w.SetUpstreams([]auth.Upstream{evil, bearing}, probe)
	w.alterStored("upstream/alice", func(r map[string]any) {
		s := r["of"].(map[string]any)["packages"].(map[string]any)
		s["origin"] = evil.Origin()
	})
	w.wantUpstream("with another origin", alice, evil, "not_found")
	_, err = w.Upstreams.Test(t.Context(), alice, "alice", "packages", "", auth.Secret{})
	wantCode(t, "test with another origin", err, auth.Invalid)
	w.alterStored("upstream/alice", func(r map[string]any) {
		s := r["of"].(map[string]any)["packages"].(map[string]any)
		s["origin"], s["way"] = bearing.Origin(), "bearer"
		r["of"].(map[string]any)["models"] = s
	})
	w.wantUpstream("for another upstream", alice, bearing, "not_found")
	if seen := probe.take(); len(seen) > 0 {
		t.Errorf("sent: %q", seen)
	}
}

func TestUpstreamTests(t *testing.T) {
	w := newWorld(t)
	_, _, _, probe := withUpstreams(w)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	ctx := t.Context()
	try := func(name, secret string) (auth.UpstreamAnswer, error) {
		return w.Upstreams.Test(ctx, alice, "alice", "packages", name, auth.NewSecret(secret))
	}
	_, err := try("", "")
	wantCode(t, "nothing stored", err, auth.NotFound)
	answer, err := try("ali", upstreamSecret)
	if err != nil || !answer.Accepted || answer.Status != 200 {
		t.Errorf("%+v %v", answer, err)
	}
	_, err = try("", "")
	wantCode(t, "what was tested is not stored", err, auth.NotFound)
	w.setUpstream(alice, "alice", "packages", "ali", "stored")
	if answer, err = try("", ""); err != nil || answer.Accepted {
		t.Errorf("%+v %v", answer, err)
	}
	if seen := strings.Join(probe.take(), ","); seen != "packages ali "+upstreamSecret+",packages ali stored" {
		t.Errorf("asked: %q", seen)
	}
	for range 17 { // two tests and what was stored went before
		_, err = try("ali", "guess")
		must(t, err)
	}
	_, err = try("ali", "guess")
	wantCode(t, "the twenty-first", err, auth.Throttled)
	if e, ok := errors.AsType[*auth.Error](err); !ok || e.RetryAfter < time.Second || e.RetryAfter > 300*time.Second || strings.Contains(e.Reason, "password") {
		t.Errorf("%+v", err)
	}
	_, err = w.Upstreams.Test(ctx, w.admin, "alice", "git", "", auth.NewSecret("guess"))
	wantCode(t, "by an administrator, at another upstream", err, auth.Throttled)
	_, err = w.Upstreams.Set(ctx, alice, "alice", "packages", "ali", auth.NewSecret("guess"))
	wantCode(t, "stored, to be tried on the route", err, auth.Throttled)
	if n := len(probe.take()); n != 17 {
		t.Errorf("%d questions", n)
	}
	if !w.holds(auth.Password{User: "alice", Secret: auth.NewSecret(rightPassword)}) {
		t.Error("tests use up guesses at the password")
	}
	w.clock.Advance(10*time.Minute + time.Second)
	_, err = try("ali", "guess")
	must(t, err)

	w.SetUpstreams(w.Upstreams.Known(), nil)
	_, err = try("ali", "guess")
	wantCode(t, "without a probe", err, auth.Unsupported)
	for _, want := range []string{`"action":"upstream.set","result":"ok","user":"alice"`, `"action":"upstream.test","result":"ok"`, `"target":"alice packages"`, `"result":"refused"`} {
		if !strings.Contains(w.trail.String(), want) {
			t.Errorf("the trail has no %s", want)
		}
	}
}

// A store that does not answer is neither yes nor no.
func TestUpstreamsWithoutAStore(t *testing.T) {
	c := storetest.NewClock()
	faulty := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, faulty, c)
	basic, _, _, _ := withUpstreams(w)
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	w.setUpstream(alice, "alice", "packages", "ali", upstreamSecret)
	for _, key := range []string{"upstream/alice", "user/alice"} {
		fresh := w.again() // with nothing kept
		faulty.FailWhere(storetest.NotPersisted, func(op storetest.Op, k string) bool { return k == key })
		fresh.wantUpstream("without "+key, alice, basic, "store_unavailable")
		_, err := w.Upstreams.Set(t.Context(), alice, "alice", "packages", "n", auth.NewSecret("s"))
		wantCode(t, "stored without "+key, err, auth.Unavailable)
		_, err = w.Upstreams.List(t.Context(), alice, "alice")
		wantCode(t, "listed without "+key, err, auth.Unavailable)
		faulty.Heal()
	}
	w.wantUpstream("later", alice, basic, "ali "+upstreamSecret)
}

// Whatever moment of storing it an ending comes at: what it ended is not lent.
func TestUpstreamEndedWhileItIsStored(t *testing.T) {
	ends := map[string]func(w *world){
		"reset":   func(w *world) { w.endUpstreams("alice") },
		"deleted": func(w *world) { must(w.t, w.Users.Delete(context.Background(), w.admin, "alice")) },
		"made anew": func(w *world) {
			must(w.t, w.Users.Delete(context.Background(), w.admin, "alice"))
			w.user("alice")
		},
	}
	for what, end := range ends {
		for n := 1; ; n++ {
			c := storetest.NewClock()
			m := &midway{Store: storetest.NewMemory(c.Now)}
			w := worldOver(t, m, c)
			basic, _, _, _ := withUpstreams(w)
			w.user("alice", withPassword)
			alice := w.who(password("alice"))
			w.setUpstream(alice, "alice", "packages", "old", "the old one")
			m.mu.Lock()
			m.left, m.do = n, func() { end(w) }
			m.mu.Unlock()
			_, err := w.Upstreams.Set(t.Context(), alice, "alice", "packages", "new", auth.NewSecret("the new one"))
			m.mu.Lock()
			over := m.left > 0
			m.left = 0
			m.mu.Unlock()
			if over {
				break
			}
			name, secret, lent := w.Upstreams.For(t.Context(), alice, basic)
			switch {
			case lent == nil && (what != "reset" || err != nil || name != "new"):
				// A reset that came before the write was read; the owner entered it after.
				t.Errorf("%s before operation %d: lent %s %s, stored: %v", what, n, name, secret.Reveal(), err)
			case what == "made anew":
				if list, err := w.Upstreams.List(t.Context(), w.admin, "alice"); err != nil || len(list) > 0 {
					t.Errorf("%s before operation %d: the namesake has %+v, %v", what, n, list, err)
				}
			}
		}
	}
}

// Nothing that is kept on disk holds the secret, in any form.
func TestUpstreamSecretsAreNotOnDisk(t *testing.T) {
	fill := func(store keystore.Store, c clock) *world {
		w := worldOver(t, store, c)
		withUpstreams(w)
		w.user("alice", withPassword)
		alice := w.who(password("alice"))
		for range 3 {
			w.setUpstream(alice, "alice", "packages", "alice-at-the-upstream", upstreamSecret)
			w.setUpstream(alice, "alice", "git", "", upstreamSecret)
		}
		_, err := w.Upstreams.Test(t.Context(), alice, "alice", "packages", "", auth.Secret{})
		must(t, err)
		return w
	}
	search := func(where string, text []byte) {
		t.Helper()
		if !strings.Contains(string(text), "upstream/alice") {
			t.Errorf("%s does not hold the record at all", where)
		}
		for _, secret := range []string{upstreamSecret, "alice-at-the-upstream"} {
			for _, form := range leaks(secret) {
				if strings.Contains(string(text), form) {
					t.Errorf("%s holds %q", where, form)
				}
			}
		}
	}
	c := storetest.NewClock()
	path := filepath.Join(t.TempDir(), "latchkey.db")
	store, err := bolt.Open(t.Context(), bolt.Config{Path: path, Now: c.Now})
	must(t, err)
	w := fill(store, c)
	w.Close()
	must(t, store.Close())
	text, err := os.ReadFile(path)
	must(t, err)
	search("the bolt file", text)
	for where, said := range map[string]string{"the log": w.log.String(), "the trail": w.trail.String()} {
		for _, form := range leaks(upstreamSecret) {
			if strings.Contains(said, form) {
				t.Errorf("%s holds %q", where, form)
			}
		}
	}

	server := storetest.Redis(t, "--aof-use-rdb-preamble", "no", "--rdbcompression", "no")
	config, err := redis.ParseURL(server.URL)
	must(t, err)
	shared, err := redis.Open(t.Context(), config)
	must(t, err)
	fill(shared, &runningClock{}).Close()
	must(t, shared.Close())
	server.Stop(t)
	var all []byte
	for _, file := range server.Files(t) {
		text, err := os.ReadFile(file)
		must(t, err)
		all = append(all, text...)
	}
	search("Redis's append-only file", all)
}
