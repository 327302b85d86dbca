package auth_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// What ends what. A house full of users, each with one root credential and
// everything that it can make; then one event; then the list, written by hand,
// of all that must be dead. Everything else must still be good.
//
// Names are user/root, user/root>made and so on. A token has two forms, which
// must live and die together, and counts as one.
const everyone = "pw enc ses key tok end ssh sock adm"

// house is a snapshot of the store with all its secrets, made once.
type house struct {
	store  keystore.Store
	master []byte // the file of the master key
	begun  time.Time

	proofs  map[string][]auth.Proof
	ids     map[string]string // of what is revoked by an id
	refresh map[string]auth.Secret
}

var oneHouse = sync.OnceValue(buildHouse)

// builder is the testing.TB of what is built once for several tests.
type builder struct{ testing.TB }

func (builder) Helper()                   {}
func (builder) Context() context.Context  { return context.Background() }
func (builder) Cleanup(func())            {}
func (builder) Fatal(a ...any)            { panic(fmt.Sprint(a...)) }
func (builder) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }

var lfs = auth.Grant{Route: "lfs", Repo: "team/assets", Op: auth.Write, Life: 15 * time.Minute}

func buildHouse() *house {
	dir, err := os.MkdirTemp("", "latchkey-house-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	c := storetest.NewClock()
	ctx, b := context.Background(), builder{}
	h := &house{store: storetest.NewMemory(c.Now), begun: c.Now(), proofs: map[string][]auth.Proof{}, ids: map[string]string{}, refresh: map[string]auth.Secret{}}
	ring, _, err := auth.OpenRing(ctx, h.store, filepath.Join(dir, "master.key"))
	if err == nil {
		h.master, err = os.ReadFile(filepath.Join(dir, "master.key"))
	}
	if err != nil {
		panic(err)
	}
	w := &world{t: b, clock: c, store: h.store, ring: ring, trail: &tape{}, log: &tape{}}
	if w.Authority, err = auth.New(ctx, auth.Config{Store: h.store, Ring: ring, Now: c.Now}); err != nil {
		panic(err)
	}
	defer w.Close()
	if w.admin, err = w.Identify(ctx, home, auth.Local{}); err != nil {
		panic(err)
	}

	keep := func(name string, proofs ...auth.Proof) { h.proofs[name] = proofs }
	token := func(name string, who auth.Identity, n auth.NewToken) auth.Identity {
		n.Reference, n.Refreshable = true, name != "tok/token"
		tok, err := w.Tokens.Create(ctx, who, n)
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		h.ids[name] = tok.ID
		keep(name, bearer(tok.JWT), bearer(tok.Reference))
		if n.Refreshable {
			h.refresh[name] = tok.Refresh
		}
		return w.who(bearer(tok.JWT))
	}
	sshKey := func(name string, who auth.Identity, owner string, expires time.Time) auth.Identity {
		key := newSSHKey(b)
		info, err := w.SSHKeys.Create(ctx, who, auth.NewSSHKey{Owner: owner, Line: line(key), Expires: expires})
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		h.ids[name] = info.ID
		keep(name, auth.SSHKey{Key: key})
		return w.who(auth.SSHKey{Key: key})
	}
	apiKey := func(name string, who auth.Identity, owner string) auth.Identity {
		key, err := w.Keys.Create(ctx, who, owner)
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		keep(name, auth.APIKey{Secret: key.Secret})
		return w.who(auth.APIKey{Secret: key.Secret})
	}
	grant := func(name string, who auth.Identity) auth.Identity {
		secret, _, err := w.Tokens.Grant(ctx, who, lfs)
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		keep(name, bearer(secret))
		found := w.who(bearer(secret))
		h.ids[name] = found.Via.ID
		return found
	}
	session := func(name, user string) auth.Identity {
		secret, info, err := w.Sessions.SignIn(ctx, home, user, auth.NewSecret(rightPassword), false)
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		h.ids[name] = info.ID
		keep(name, auth.Session{Secret: secret})
		return w.who(auth.Session{Secret: secret})
	}
	encrypted := func(name string, who auth.Identity) auth.Identity {
		secret, err := w.Passwords.Encrypted(ctx, who)
		if err != nil {
			panic(fmt.Sprint(name, ": ", err))
		}
		p := auth.EncryptedPassword{User: who.User, Secret: secret}
		keep(name, p)
		return w.who(p)
	}
	// all that a credential which covers everything of its user makes.
	all := func(root string, who auth.Identity, owner string) {
		tok := token(root+">token", who, auth.NewToken{Owner: owner, Life: auth.Endless})
		token(root+">token>token", tok, auth.NewToken{Scope: "artifact:lfs:r"})
		grant(root+">token>grant", tok)
		sshKey(root+">sshkey", who, owner, time.Time{})
		if who.Via.Kind != auth.KindLocal && who.User == owner {
			made := grant(root+">grant", who)
			grant(root+">grant>grant", made)
		}
		if who.Via.Kind != auth.KindAPIKey || who.User != owner {
			key := apiKey(root+">apikey", who, owner)
			token(root+">apikey>token", key, auth.NewToken{})
		}
	}

	w.group("crew")
	for _, name := range strings.Fields(everyone) {
		w.user(name, inGroups("crew"), func(n *auth.NewUser) {
			if name == "pw" || name == "enc" || name == "ses" {
				withPassword(n)
			}
		})
	}
	w.user("boss", asAdmin)

	pw := w.who(password("pw"))
	keep("pw/password", password("pw"))
	all("pw/password", pw, "pw")
	session("pw/password>session", "pw")
	encrypted("pw/password>encrypted", pw)

	enc := encrypted("enc/encrypted", w.who(password("enc")))
	all("enc/encrypted", enc, "enc")
	encrypted("enc/encrypted>encrypted", enc)

	session("ses/session", "ses")
	must(b, errOf(w.Sessions.Unlock(ctx, w.who(h.proofs["ses/session"][0]), auth.NewSecret(rightPassword))))
	ses := w.who(h.proofs["ses/session"][0])
	all("ses/session", ses, "ses")
	encrypted("ses/session>encrypted", ses)
	session("ses/other", "ses")

	all("key/apikey", apiKey("key/apikey", w.admin, "key"), "key")

	all("tok/token", token("tok/token", w.admin, auth.NewToken{Owner: "tok", Life: auth.Endless}), "tok")

	// A token that ends makes no API key, and nothing that outlives it.
	end := token("end/ending", w.admin, auth.NewToken{Owner: "end", Life: time.Hour})
	token("end/ending>token", end, auth.NewToken{})
	sshKey("end/ending>sshkey", end, "end", end.Expires)
	grant("end/ending>grant", end)

	// An SSH key makes tokens and grants only.
	key := sshKey("ssh/sshkey", w.admin, "ssh", time.Time{})
	token("ssh/sshkey>token", key, auth.NewToken{Life: auth.Endless})
	grant("ssh/sshkey>grant", key)
	secret, _, err := w.Tokens.ForClient(ctx, key)
	if err != nil {
		panic(err)
	}
	keep("ssh/sshkey>client", bearer(secret))
	grant("ssh/sshkey>client>grant", w.who(bearer(secret)))
	sshKey("ssh/short", w.admin, "ssh", c.Now().Add(30*time.Minute))
	grant("ssh/short>grant", w.who(h.proofs["ssh/short"][0]))

	all("sock/local", w.admin, "sock")

	all("adm/boss", apiKey("boss/apikey", w.admin, "boss"), "adm")
	token("boss/token", w.who(h.proofs["boss/apikey"][0]), auth.NewToken{Scope: "applied-permissions/admin"})
	return h
}

func errOf[T any](_ T, err error) error { return err }

// living tells which credentials are good. Both forms of a token must agree.
// The clear password is tried only where asked for: each try costs a hash.
func (h *house) living(w *world, password bool) map[string]bool {
	out := map[string]bool{}
	for name, proofs := range h.proofs {
		if _, clear := proofs[0].(auth.Password); clear && !password {
			out[name] = true
			continue
		}
		out[name] = w.holds(proofs[0])
		for _, p := range proofs[1:] {
			if w.holds(p) != out[name] {
				w.t.Errorf("%s: one form of the token is good and the other is not", name)
			}
		}
	}
	return out
}

// renew tries each token's refresh token: what is dead is not renewed, and
// what lives is, to a token that is good.
func (h *house) renew(w *world, living map[string]bool) {
	w.t.Helper()
	for name, secret := range h.refresh {
		tok, err := w.refresh(secret)
		switch {
		case living[name] && (err != nil || !w.holds(bearer(tok.JWT))):
			w.t.Errorf("%s lives and is not renewed: %v", name, err)
		case !living[name]:
			wantCode(w.t, name+" is dead and renewed", err, auth.Unauthenticated)
		}
	}
}

// without is the names that match none of the patterns (path.Match over the
// whole name, in which * stands for anything but "/").
func (h *house) without(t *testing.T, patterns string) map[string]bool {
	out := map[string]bool{}
	used := map[string]bool{}
	for name := range h.proofs {
		out[name] = true
		for _, p := range strings.Fields(patterns) {
			match, err := path.Match(p, name)
			must(t, err)
			if match {
				out[name], used[p] = false, true
			}
		}
	}
	for _, p := range strings.Fields(patterns) {
		if !used[p] {
			t.Errorf("the pattern %s matches nothing", p)
		}
	}
	return out
}

func difference(want, got map[string]bool) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if want[name] != got[name] {
			out = append(out, fmt.Sprintf("%s: works %v, want %v", name, got[name], want[name]))
		}
	}
	return strings.Join(out, "\n")
}

const (
	allTokens = `*/*>token */*>token>* */*>apikey>token tok/* end/* ssh/sshkey>* ssh/short>* boss/token
		pw/*>grant pw/*>grant>grant enc/*>grant enc/*>grant>grant ses/*>grant ses/*>grant>grant key/*>grant key/*>grant>grant`
	allSessions  = `pw/password>session ses/session ses/other ses/session>grant ses/session>grant>grant`
	allEncrypted = `enc/encrypted enc/encrypted>encrypted pw/password>encrypted ses/session>encrypted`
	allKeys      = `*/*>apikey */*>apikey>token key/apikey key/apikey>* boss/apikey boss/token`
)

func TestWhatEndsWhat(t *testing.T) {
	each := func(do func(w *world, name string) error) func(*testing.T, *world, *house) {
		return func(t *testing.T, w *world, _ *house) {
			for _, name := range strings.Fields(everyone) {
				if err := do(w, name); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
	}
	revoke := func(names ...string) func(*testing.T, *world, *house) {
		return func(t *testing.T, w *world, h *house) {
			for _, name := range names {
				must(t, w.end(t, h, name))
			}
		}
	}

	stores := backends(t)
	for _, event := range []struct {
		name string
		do   func(*testing.T, *world, *house)
		dead string // patterns
	}{
		{"nothing", func(*testing.T, *world, *house) {}, ""},

		{"each leaf is revoked", revoke(
			"pw/password>token>token", "pw/password>token>grant", "pw/password>sshkey", "pw/password>grant>grant", "pw/password>session",
			"enc/encrypted>apikey", "ses/session>token>token", "ses/session>sshkey", "ses/session>grant>grant",
			"key/apikey>token>grant", "key/apikey>sshkey", "tok/token>sshkey", "tok/token>token>token",
			"end/ending>token", "end/ending>sshkey", "end/ending>grant", "ssh/sshkey>token", "ssh/sshkey>client>grant", "ssh/short>grant",
			"sock/local>sshkey", "sock/local>token>token", "adm/boss>sshkey", "boss/token"),
			`pw/password>token>token pw/password>token>grant pw/password>sshkey pw/password>grant>grant pw/password>session
			enc/encrypted>apikey enc/encrypted>apikey>token ses/session>token>token ses/session>sshkey ses/session>grant>grant
			key/apikey>token>grant key/apikey>sshkey tok/token>sshkey tok/token>token>token
			end/ending>token end/ending>sshkey end/ending>grant ssh/sshkey>token ssh/sshkey>client>grant ssh/short>grant
			sock/local>sshkey sock/local>token>token adm/boss>sshkey boss/token`},

		{"each middle is revoked", revoke(
			"pw/password>token", "pw/password>grant", "pw/password>apikey", "ses/session>apikey", "tok/token>token", "adm/boss>token"),
			`pw/password>token pw/password>token>* pw/password>grant pw/password>grant>grant pw/password>apikey pw/password>apikey>token
			ses/session>apikey ses/session>apikey>token tok/token>token tok/token>token>* adm/boss>token adm/boss>token>*`},

		{"each root is revoked", revoke(
			"ses/session", "key/apikey", "tok/token", "end/ending", "ssh/sshkey", "ssh/short", "boss/apikey"),
			`ses/session ses/session>grant ses/session>grant>grant key/* tok/* end/* ssh/* boss/apikey boss/token`},

		{"each root is rotated", func(t *testing.T, w *world, h *house) {
			must(t, errOf(w.Keys.Rotate(t.Context(), w.admin, "key")))
			must(t, errOf(w.Keys.Rotate(t.Context(), w.admin, "sock")))
			for _, name := range []string{"tok/token", "end/ending", "ses/session>token"} {
				must(t, errOf(w.Tokens.Rotate(t.Context(), w.admin, h.ids[name])))
			}
		}, `key/* tok/* end/* sock/local>apikey sock/local>apikey>token ses/session>token ses/session>token>*`},

		{"users are disabled", each(func(w *world, name string) error {
			return w.Users.Disable(w.t.Context(), w.admin, name)
		}), `pw/* enc/* ses/* key/* tok/* end/* ssh/* sock/* adm/*`},

		{"users are disabled and enabled", each(func(w *world, name string) error {
			if err := w.Users.Disable(w.t.Context(), w.admin, name); err != nil {
				return err
			}
			return w.Users.Enable(w.t.Context(), w.admin, name)
		}), `pw/*>token pw/*>token>* pw/*>apikey>token pw/*>grant pw/*>grant>grant pw/*>session pw/*>encrypted
			enc/encrypted enc/*>token enc/*>token>* enc/*>apikey>token enc/*>grant enc/*>grant>grant enc/*>encrypted
			ses/session ses/other ses/*>token ses/*>token>* ses/*>apikey>token ses/*>grant ses/*>grant>grant ses/*>encrypted
			key/*>token key/*>token>* key/*>grant key/*>grant>grant
			tok/* end/* ssh/sshkey>* ssh/short>* sock/*>token sock/*>token>* sock/*>apikey>token adm/*>token adm/*>token>* adm/*>apikey>token`},

		{"users are deleted", each(func(w *world, name string) error {
			return w.Users.Delete(w.t.Context(), w.admin, name)
		}), `pw/* enc/* ses/* key/* tok/* end/* ssh/* sock/* adm/*`},

		{"users are deleted and namesakes made", each(func(w *world, name string) error {
			if err := w.Users.Delete(w.t.Context(), w.admin, name); err != nil {
				return err
			}
			w.user(name, func(n *auth.NewUser) {
				if name == "pw" {
					n.Password = newPassword
				}
			})
			return nil
		}), `pw/* enc/* ses/* key/* tok/* end/* ssh/* sock/* adm/*`},

		{"the maker for another user is disabled", func(t *testing.T, w *world, _ *house) {
			must(t, w.Users.Disable(t.Context(), w.admin, "boss"))
		}, `boss/apikey boss/token`},

		{"the maker for another user is deleted", func(t *testing.T, w *world, _ *house) {
			must(t, w.Users.Delete(t.Context(), w.admin, "boss"))
		}, `boss/*`},

		{"owners change their passwords", func(t *testing.T, w *world, h *house) {
			old := auth.NewSecret(rightPassword)
			must(t, w.Passwords.Change(t.Context(), w.who(h.proofs["pw/password"][0]), "pw", old, newPassword))
			must(t, w.Passwords.Change(t.Context(), w.who(h.proofs["enc/encrypted"][0]), "enc", old, newPassword))
			must(t, w.Passwords.Change(t.Context(), w.who(h.proofs["ses/session"][0]), "ses", old, newPassword))
		}, `pw/* enc/* ses/other ses/session>encrypted`},

		{"an administrator changes the passwords", each(func(w *world, name string) error {
			return w.Passwords.Change(w.t.Context(), w.admin, name, auth.Secret{}, newPassword)
		}), `pw/* enc/* ` + allSessions + ` ses/session>encrypted`},

		{"passwords are reset", each(func(w *world, name string) error {
			return w.choose(name, w.made(name).Key, false)
		}), `pw/* enc/* ses/* key/* tok/* end/* ssh/* sock/* adm/*`},

		{"passwords are reset and the rest is kept", each(func(w *world, name string) error {
			return w.choose(name, w.made(name).Key, true)
		}), `pw/* enc/* ` + allSessions + ` ses/session>encrypted`},

		{"all API keys are revoked", func(t *testing.T, w *world, _ *house) {
			must(t, w.Keys.RevokeAll(t.Context(), w.admin))
		}, allKeys},

		{"all sessions of each user are revoked", each(func(w *world, name string) error {
			return w.Sessions.RevokeAll(w.t.Context(), w.admin, name)
		}), allSessions},

		{"all other sessions are revoked from one", func(t *testing.T, w *world, h *house) {
			must(t, w.Sessions.RevokeAll(t.Context(), w.who(h.proofs["ses/session"][0]), "ses"))
		}, `ses/other`},

		{"a session signs out", func(t *testing.T, w *world, h *house) {
			must(t, w.Sessions.End(t.Context(), w.who(h.proofs["ses/session"][0])))
		}, `ses/session ses/session>grant ses/session>grant>grant`},

		{"16 minutes pass", func(_ *testing.T, w *world, _ *house) { w.clock.Advance(16 * time.Minute) },
			`*/*>grant */*>grant>grant */*>token>grant ssh/sshkey>client>grant`},

		{"31 minutes pass", func(_ *testing.T, w *world, _ *house) { w.clock.Advance(31 * time.Minute) },
			`*/*>grant */*>grant>grant */*>token>grant ssh/sshkey>client>grant ssh/short`},

		{"61 minutes pass", func(_ *testing.T, w *world, _ *house) { w.clock.Advance(61 * time.Minute) },
			`*/*>grant */*>grant>grant */*>token>grant ssh/short end/* ssh/sshkey>client ssh/sshkey>client>grant`},

		{"13 hours pass", func(_ *testing.T, w *world, _ *house) { w.clock.Advance(13 * time.Hour) },
			`*/*>grant */*>grant>grant */*>token>grant ssh/short end/* ssh/sshkey>client ssh/sshkey>client>grant
			ses/session ses/other pw/password>session`},

		{"two years pass", func(_ *testing.T, w *world, _ *house) { w.clock.Advance(2 * 8760 * time.Hour) },
			`*/*>grant */*>grant>grant */*>token>grant ssh/short end/* ssh/sshkey>client ssh/sshkey>client>grant
			ses/session ses/other pw/password>session */*>token>token */*>apikey>token boss/token`},

		{"the group is removed", func(t *testing.T, w *world, h *house) {
			must(t, w.Groups.Delete(t.Context(), w.admin, "crew"))
			for name, proofs := range h.proofs {
				for _, p := range proofs {
					if who := w.who(p); len(who.Groups) > 0 {
						t.Errorf("%s is still in %v", name, who.Groups)
					}
				}
			}
		}, ""},

		{"the administrator is one no more", func(t *testing.T, w *world, h *house) {
			no := false
			must(t, errOf(w.Users.Update(t.Context(), w.admin, "boss", auth.UserChange{Admin: &no})))
			who := w.who(h.proofs["boss/apikey"][0])
			wantCode(t, "list users", errOf2(w.Users.List(t.Context(), who, auth.Query{})), auth.Forbidden)
			if who.Admin {
				t.Error("the API key is still an administrator's")
			}
		}, `boss/token`},

		{"the keys are renewed as compromised", func(t *testing.T, w *world, _ *house) {
			w.rotateMaster(t, true)
		}, allTokens + ` ` + allSessions + " " + allEncrypted + " " + allKeys + ` tok/*`},

		{"the master key is rotated", func(t *testing.T, w *world, _ *house) { w.rotateMaster(t, false) }, ""},
	} {
		t.Run(event.name, func(t *testing.T) {
			for _, b := range stores {
				t.Run(b.name, func(t *testing.T) {
					t.Parallel() // they wait for disks
					h := oneHouse()
					try := strings.Contains(event.name, "password") || strings.Contains(event.name, "users are")
					want := h.without(t, event.dead)
					store, c, more := b.open(t)
					w, other := h.open(t, store, c, more)
					for _, w := range []*world{w, other} { // and fill their caches
						if w != nil {
							if bad := difference(h.without(t, ""), h.living(w, try)); bad != "" {
								t.Fatalf("before:\n%s", bad)
							}
						}
					}
					event.do(t, w, h)
					if bad := difference(want, h.living(w, try)); bad != "" {
						t.Errorf("at the replica that did it:\n%s", bad)
					}
					if !strings.HasSuffix(event.name, "minutes pass") && !strings.HasSuffix(event.name, "hours pass") {
						h.renew(w, want) // a token that ran out can be renewed for a while
					}
					if other == nil {
						return
					}
					for done := time.Now(); ; {
						late := time.Since(done) > time.Second
						bad := difference(want, h.living(other, try))
						if bad == "" {
							break
						}
						if late {
							t.Fatalf("at another replica, a second later:\n%s", bad)
						}
					}
				})
			}
		})
	}
}

func errOf2[T, U any](_ T, _ U, err error) error { return err }

// open puts the house into an empty store and opens it, on two replicas where
// the store can be shared.
func (h *house) open(t *testing.T, store keystore.Store, c clock, more func() keystore.Store) (w, other *world) {
	t.Helper()
	copyStore(t, h.store, store)
	master := filepath.Join(t.TempDir(), "master.key")
	must(t, os.WriteFile(master, h.master, 0o600))
	start := func(s keystore.Store) *world {
		ring, created, err := auth.OpenRing(t.Context(), s, master)
		if err != nil || created {
			t.Fatalf("open ring: created %v, %v", created, err)
		}
		w := worldOver(t, s, c, func(c *auth.Config) { c.Ring = ring })
		w.master = master
		return w
	}
	w = start(store)
	if more != nil {
		other = start(more())
		w.other = other
	}
	return w, other
}

// rotateMaster gives the store's ring a new master key and restarts.
func (w *world) rotateMaster(t *testing.T, compromised bool) {
	t.Helper()
	must(t, auth.RewrapRing(t.Context(), w.store, w.master, compromised))
	for _, each := range []*world{w, w.other} {
		if each == nil {
			continue
		}
		ring, _, err := auth.OpenRing(t.Context(), each.store, w.master)
		must(t, err)
		each.ring = ring
		each.Authority = each.again().Authority
	}
}

// end revokes a credential of the house through an administrator.
func (w *world) end(t *testing.T, h *house, name string) error {
	t.Helper()
	user, _, _ := strings.Cut(name, "/")
	made := name[strings.LastIndexAny(name, "/>")+1:]
	switch made {
	case "apikey":
		return w.Keys.Revoke(t.Context(), w.admin, user)
	case "sshkey", "short":
		return w.SSHKeys.Delete(t.Context(), w.admin, h.ids[name])
	case "session", "other":
		return w.Sessions.Revoke(t.Context(), w.admin, h.ids[name])
	}
	return w.Tokens.Revoke(t.Context(), w.admin, h.ids[name])
}
