package auth_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

var newPassword = auth.NewSecret("another long and quite new one")

// forgot has a link mailed to name.
func (w *world) forgot(m *mailbox, name string) auth.Letter {
	w.t.Helper()
	must(w.t, w.Passwords.Forgot(w.t.Context(), home, name))
	return m.next(w.t, auth.LetterReset, strings.ToLower(name)+"@example.com")
}

// made is a link of the administrator's.
func (w *world) made(name string) auth.ResetLink {
	w.t.Helper()
	link, err := w.Passwords.ResetLink(w.t.Context(), w.admin, name)
	must(w.t, err)
	return link
}

func (w *world) choose(name string, key auth.Secret, keep bool) error {
	return w.Passwords.Reset(w.t.Context(), home, name, key, newPassword, keep)
}

// wantDead checks that a link neither shows nor changes anything.
func (w *world) wantDead(what, name string, key auth.Secret) {
	w.t.Helper()
	_, err := w.Passwords.ShowReset(w.t.Context(), home, name, key)
	wantCode(w.t, what+" is shown", err, auth.NotFound)
	wantCode(w.t, what+" is used", w.choose(name, key, false), auth.NotFound)
	if strings.Contains(fmt.Sprint(err), name) && name != "" {
		w.t.Errorf("%s names the account: %v", what, err)
	}
}

func TestForgottenPassword(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, _ := b.open(t)
			w := worldOver(t, store, c)
			m := w.sendsMail()
			w.user("alice", withPassword)
			p, _ := w.session("alice", true)
			w.token(w.who(p), auth.NewToken{})
			w.token(w.who(p), auth.NewToken{})
			w.apiKey(w.who(p), "alice")
			w.sshKey(w.who(p), "alice", time.Time{})

			l := w.forgot(m, "Alice")
			if l.User != "alice" || len(l.Key.Reveal()) != 43 || l.Ends.Sub(c.Now()) > 30*time.Minute || l.Ends.Sub(c.Now()) < 29*time.Minute {
				t.Errorf("letter: %+v", l)
			}
			for range 3 { // to look is not to use
				view, err := w.Passwords.ShowReset(t.Context(), home, "alice", l.Key)
				must(t, err)
				if want := (auth.Ending{APIKey: true, Tokens: 2, SSHKeys: 1, Sessions: 1}); view.Ends != want || view.User != "alice" || !view.Expires.Equal(l.Ends) {
					t.Errorf("view: %+v", view)
				}
			}
			if !w.holds(p) || !w.holds(password("alice")) {
				t.Error("something ended before the link was used")
			}
			wantCode(t, "short", w.Passwords.Reset(t.Context(), home, "alice", l.Key, auth.NewSecret("short"), false), auth.Invalid, "new")
			must(t, w.choose("alice", l.Key, false))
			if w.holds(p) || w.holds(password("alice")) || !w.holds(auth.Password{User: "alice", Secret: newPassword}) {
				t.Error("the old lives, or the new does not")
			}
			if list, err := w.Sessions.List(t.Context(), w.admin, "alice"); err != nil || len(list) != 0 {
				t.Errorf("sessions: %v, %v", list, err)
			}
			m.next(t, auth.LetterPasswordChanged, "alice@example.com")
			w.wantDead("a used link", "alice", l.Key)
			m.nothing(t, w)

			trail := w.trail.String()
			for _, want := range []string{`"action":"password.forgot","result":"ok","target":"alice"`, `"action":"password.reset","result":"ok","user":"alice","credential":"reset_link:`} {
				if !strings.Contains(trail, want) {
					t.Errorf("the trail has no %s:\n%s", want, trail)
				}
			}
			if strings.Contains(trail+w.log.String(), l.Key.Reveal()) {
				t.Error("the key is in the trail or the log")
			}
			for item, err := range store.List(t.Context(), "") {
				must(t, err)
				if strings.Contains(string(item.Value)+item.Key, l.Key.Reveal()) {
					t.Errorf("%s holds the key", item.Key)
				}
			}
		})
	}
}

// Of many who use one link at a moment, one does.
func TestLinkIsUsedOnce(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, _ := b.open(t)
			w := worldOver(t, store, c)
			m := w.sendsMail()
			w.user("alice", withPassword)
			l := w.forgot(m, "alice")
			var right, dead atomic.Int32
			var all sync.WaitGroup
			for i := range 20 {
				all.Go(func() {
					switch err := w.Passwords.Reset(t.Context(), home, "alice", l.Key, auth.NewSecret(fmt.Sprint("the password of number ", i)), i%2 == 0); auth.CodeOf(err) {
					case "":
						right.Add(1)
					case auth.NotFound:
						dead.Add(1)
					default:
						t.Error(err)
					}
				})
			}
			all.Wait()
			if right.Load() != 1 || dead.Load() != 19 {
				t.Errorf("%d did and %d did not", right.Load(), dead.Load())
			}
		})
	}
}

func TestLinksThatEnd(t *testing.T) {
	change := func(c auth.UserChange) func(*world) {
		return func(w *world) { must(w.t, errOf(w.Users.Update(w.t.Context(), w.admin, "alice", c))) }
	}
	yes, no := true, false
	for name, c := range map[string]struct {
		do           func(*world)
		mailed, made bool // live afterwards
	}{
		"nothing":             {func(*world) {}, true, true},
		"a sign-in":           {func(w *world) { w.session("alice", true) }, true, true},
		"half an hour":        {func(w *world) { w.clock.Advance(30 * time.Minute) }, false, true},
		"almost half an hour": {func(w *world) { w.clock.Advance(30*time.Minute - time.Second) }, true, true},
		"a day":               {func(w *world) { w.clock.Advance(24 * time.Hour) }, false, false},
		"a change of the password": {func(w *world) {
			must(w.t, w.Passwords.Change(w.t.Context(), w.who(password("alice")), "alice", auth.NewSecret(rightPassword), newPassword))
		}, false, false},
		"a change of the password by an administrator": {func(w *world) {
			must(w.t, w.Passwords.Change(w.t.Context(), w.admin, "alice", auth.Secret{}, newPassword))
		}, false, false},
		"another password with the rest": {change(auth.UserChange{Password: newPassword}), false, false},
		"a change of the address":        {change(auth.UserChange{Email: pointTo("other@example.com")}), false, false},
		"another name":                   {change(auth.UserChange{DisplayName: pointTo("Alice")}), true, true},
		"disabled":                       {func(w *world) { must(w.t, w.Users.Disable(w.t.Context(), w.admin, "alice")) }, false, false},
		"disabled and enabled": {func(w *world) {
			must(w.t, w.Users.Disable(w.t.Context(), w.admin, "alice"))
			must(w.t, w.Users.Enable(w.t.Context(), w.admin, "alice"))
		}, false, false},
		"deleted": {func(w *world) { must(w.t, w.Users.Delete(w.t.Context(), w.admin, "alice")) }, false, false},
		"a namesake": {func(w *world) {
			must(w.t, w.Users.Delete(w.t.Context(), w.admin, "alice"))
			w.user("alice", withPassword)
		}, false, false},
		"the password switched off": {change(auth.UserChange{InternalPasswordDisabled: &yes}), false, false},
		"the password switched off and on": {func(w *world) {
			change(auth.UserChange{InternalPasswordDisabled: &yes})(w)
			change(auth.UserChange{InternalPasswordDisabled: &no})(w)
		}, false, false},
		"the profile fixed":              {change(auth.UserChange{MayUpdateProfile: &no}), false, true},
		"passwords kept":                 {func(w *world) { w.SetPolicy(auth.Policy{KeepPasswords: true}) }, false, true},
		"the password expired":           {func(w *world) { must(w.t, w.Passwords.Expire(w.t.Context(), w.admin, "alice")) }, true, true},
		"all sessions ended":             {func(w *world) { must(w.t, w.Sessions.RevokeAll(w.t.Context(), w.admin, "alice")) }, true, true},
		"another of the administrator's": {func(w *world) { w.made("alice") }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, use := range []string{"mailed", "made"} {
				w := newWorld(t)
				m := w.sendsMail()
				w.user("alice", withPassword)
				w.user("bob", withPassword)
				older := w.forgot(m, "alice")
				keys := map[string]auth.Secret{"mailed": w.forgot(m, "alice").Key, "made": w.made("alice").Key}
				w.wantDead("an older link", "alice", older.Key)
				c.do(w)
				for which, live := range map[string]bool{"mailed": c.mailed, "made": c.made} {
					w.wantDead(which+" of somebody else", "bob", keys[which])
					w.wantDead(which+" of nobody", "nobody", keys[which])
					if _, err := w.Passwords.ShowReset(t.Context(), home, "alice", keys[which]); (err == nil) != live {
						t.Errorf("%s: %v", which, err)
					}
				}
				if live := map[string]bool{"mailed": c.mailed, "made": c.made}[use]; !live {
					w.wantDead(use, "alice", keys[use])
					continue
				}
				must(t, w.choose("alice", keys[use], false))
				for which := range keys {
					w.wantDead(which+" after "+use, "alice", keys[which])
				}
				if !w.holds(auth.Password{User: "alice", Secret: newPassword}) {
					t.Error("the new password is not good")
				}
			}
		})
	}
}

func TestKeysThatAreNone(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	key := w.made("alice").Key.Reveal()
	for _, k := range []string{"", key[:42], key + "=", key + "A", strings.ToUpper(key), key[1:] + key[:1], strings.Repeat("A", 43), strings.Repeat("\x00", 43)} {
		w.wantDead("the key "+k, "alice", auth.NewSecret(k))
	}
	for _, name := range []string{"", "me", "ali ce", "alice ", "alıce", strings.Repeat("a", 1000), "../alice"} {
		_, err := w.Passwords.ShowReset(t.Context(), home, name, auth.NewSecret(key))
		wantCode(t, name, err, auth.NotFound)
	}
	// It is no credential of any other kind, either.
	secret := auth.NewSecret(key)
	for _, p := range []auth.Proof{
		auth.ReadSecret("alice", secret), auth.ReadSecret("", secret), auth.Bearer{Secret: secret}, auth.Bearer{User: "alice", Secret: secret},
		auth.APIKey{Secret: secret}, auth.EncryptedPassword{User: "alice", Secret: secret}, auth.Session{Secret: secret},
	} {
		if w.holds(p) {
			t.Errorf("the key is good as %T", p)
		}
	}
	if _, _, err := w.Sessions.SignIn(t.Context(), home, "alice", secret, false); auth.CodeOf(err) != auth.Unauthenticated {
		t.Errorf("sign in: %v", err)
	}
	must(t, w.choose("ALICE", secret, true))
}

// Whoever asks learns nothing: what is done before the answer is the same for
// every name, and does not depend on it.
func TestForgotTellsNothing(t *testing.T) {
	c := storetest.NewClock()
	store := storetest.NewFaulty(storetest.NewMemory(c.Now))
	w := worldOver(t, store, c)
	m := w.sendsMail()
	w.user("alice", withPassword)
	w.user("disabled", withPassword)
	must(t, w.Users.Disable(t.Context(), w.admin, "disabled"))
	w.user("robot", asService)
	w.user("elsewhere", func(n *auth.NewUser) { n.InternalPasswordDisabled = true })
	w.user("fixed", withPassword, func(n *auth.NewUser) { n.ProfileFixed = true })
	w.user("empty")

	release := w.HoldLooks() // nothing is done in the background
	names := []string{"alice", "nobody", "disabled", "robot", "elsewhere", "fixed", "empty", "no name at all", strings.Repeat("x", 5000)}
	var first string
	for i, name := range names {
		peer := home
		peer.Addr = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		before, trail := len(store.Calls()), w.trail.String()
		must(t, w.Passwords.Forgot(t.Context(), peer, name))
		var did string
		for _, call := range store.Calls()[before:] {
			folder, _, _ := strings.Cut(call.Key, "/")
			did += fmt.Sprint(call.Op, " ", folder, "; ")
			if strings.Contains(call.Key, name) {
				t.Errorf("%s is looked up before the answer: %s", name, call.Key)
			}
		}
		if first == "" {
			first = did
		}
		if did == "" || did != first || w.trail.String() != trail {
			t.Errorf("%.20s: %s, and for %s: %s", name, did, names[0], first)
		}
	}
	release()
	m.next(t, auth.LetterReset, "alice@example.com")
	m.next(t, auth.LetterReset, "empty@example.com") // whoever has no password yet may choose one
	w.HoldLooks()()
	m.nothing(t, w)
	if trail := w.trail.String(); strings.Contains(trail, "nobody") || strings.Contains(trail, "no name") {
		t.Error("a name that is nobody's is in the trail")
	}
}

func TestForgotIsBounded(t *testing.T) {
	w := newWorld(t)
	m := w.sendsMail()
	w.user("alice", withPassword)
	peer := func(i int) auth.Peer {
		p := home
		p.Addr = netip.AddrFrom4([4]byte{198, 51, 100, byte(i)})
		return p
	}
	for i := range 20 { // of an account, from everywhere
		must(t, w.Passwords.Forgot(t.Context(), peer(i), "alice"))
	}
	for range 3 {
		m.next(t, auth.LetterReset, "alice@example.com")
	}
	w.HoldLooks()()
	m.nothing(t, w)
	for i := range 9 { // of a source, about anybody
		must(t, w.Passwords.Forgot(t.Context(), peer(0), fmt.Sprint("nobody", i)))
	}
	err := w.Passwords.Forgot(t.Context(), peer(0), "alice")
	wantCode(t, "the eleventh", err, auth.Throttled)
	if e := err.(*auth.Error); e.RetryAfter < time.Second || e.RetryAfter > 300*time.Second {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	must(t, w.Passwords.Forgot(t.Context(), peer(1), "alice"))
	w.HoldLooks()()
	m.nothing(t, w)
	w.clock.Advance(time.Hour)
	must(t, w.Passwords.Forgot(t.Context(), peer(0), "alice"))
	m.next(t, auth.LetterReset, "alice@example.com")

	w.SetPolicy(auth.Policy{KeepPasswords: true})
	wantCode(t, "where passwords are kept", w.Passwords.Forgot(t.Context(), peer(0), "alice"), auth.Unsupported)
}

// A stranger who asked for links does not spend the budget of guesses, and a
// link lets somebody in who is being guessed at.
func TestResetEndsGuessing(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	stranger := auth.Peer{Addr: netip.MustParseAddr("203.0.113.9"), Door: "http"}
	for i := range auth.StrangerGuesses {
		_, err := w.Identify(t.Context(), stranger, auth.Password{User: "alice", Secret: auth.NewSecret(fmt.Sprint("a wrong password ", i))})
		wantCode(t, "guess", err, auth.Unauthenticated)
	}
	_, err := w.Identify(t.Context(), stranger, auth.Password{User: "alice", Secret: auth.NewSecret("one more of these")})
	wantCode(t, "too many", err, auth.Throttled)
	must(t, w.choose("alice", w.made("alice").Key, false))
	if !w.holds(auth.Password{User: "alice", Secret: newPassword}) {
		t.Error("the new password is not good")
	}
}

func TestWhoMakesLinks(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	w.user("boss", withPassword, asAdmin)
	w.user("robot", asService)
	w.user("elsewhere", func(n *auth.NewUser) { n.InternalPasswordDisabled = true })
	w.user("disabled")
	must(t, w.Users.Disable(t.Context(), w.admin, "disabled"))
	ask := func(who auth.Identity, name string) error {
		return errOf(w.Passwords.ResetLink(t.Context(), who, name))
	}
	wantCode(t, "anonymous", ask(auth.Identity{}, "alice"), auth.Unauthenticated)
	wantCode(t, "oneself", ask(w.who(password("alice")), "alice"), auth.Forbidden)
	wantCode(t, "another", ask(w.who(password("alice")), "boss"), auth.Forbidden)
	wantCode(t, "an administrator for themselves", ask(w.who(password("boss")), "boss"), auth.Forbidden)
	locked, _ := w.session("boss", false)
	wantCode(t, "a locked session", ask(w.who(locked), "alice"), auth.Locked)
	key, _ := w.sshKey(w.admin, "boss", time.Time{})
	wantCode(t, "an SSH key", ask(w.who(key), "alice"), auth.Forbidden)
	narrow := w.token(w.who(password("boss")), auth.NewToken{Scope: "applied-permissions/groups:x"})
	wantCode(t, "a narrow token", ask(w.who(bearer(narrow.JWT)), "alice"), auth.Forbidden)
	wantCode(t, "nobody", ask(w.admin, "nobody"), auth.NotFound)
	wantCode(t, "a service account", ask(w.admin, "robot"), auth.Invalid)
	wantCode(t, "without a password here", ask(w.admin, "elsewhere"), auth.Invalid, "user")
	wantCode(t, "disabled", ask(w.admin, "disabled"), auth.Invalid, "user")
	must(t, ask(w.who(password("boss")), "alice"))
	if trail := w.trail.String(); !strings.Contains(trail, `"action":"password.reset_link","result":"ok","user":"boss"`) || !strings.Contains(trail, `"action":"password.reset_link","result":"refused","user":"alice"`) {
		t.Error(trail)
	}
}

// Whatever somebody prepared who had the password for a while, with it they
// are out after a reset; with keep only the password's own is gone.
func TestNothingPreparedSurvivesAReset(t *testing.T) {
	for _, b := range backends(t) {
		for _, keep := range []bool{false, true} {
			t.Run(fmt.Sprint(b.name, " keep ", keep), func(t *testing.T) {
				store, c, _ := b.open(t)
				w := worldOver(t, store, c)
				m := w.sendsMail()
				basic, _, _, _ := withUpstreams(w)
				w.user("alice", withPassword)
				attacker, _ := w.session("alice", true)
				who := w.who(attacker)
				key := w.apiKey(who, "alice")
				tok := w.token(who, auth.NewToken{Reference: true, Refreshable: true, Life: auth.Endless})
				ssh, _ := w.sshKey(who, "alice", time.Time{})
				byKey := w.token(w.who(ssh), auth.NewToken{})
				short := w.grant(w.who(bearer(tok.JWT)), lfs)
				w.setUpstream(who, "alice", "packages", "mallory", upstreamSecret)
				encrypted, err := w.Passwords.Encrypted(t.Context(), who)
				must(t, err)
				waiting := "0b5bd9b5-3d1c-4f4e-9f6f-3c4f64e1abcd"
				must(t, w.WebLogins.Begin(t.Context(), home, auth.NewWebLogin{ID: waiting}))
				must(t, w.WebLogins.Approve(t.Context(), who, waiting, "abcd"))
				pending, err := w.Users.ChangeEmail(t.Context(), who, "alice", "mallory@example.com")
				if must(t, err); !pending {
					t.Fatal("the address was changed at once")
				}
				confirm := m.next(t, auth.LetterEmailConfirm, "mallory@example.com").Key
				older := w.forgot(m, "alice").Key

				must(t, w.choose("alice", w.forgot(m, "alice").Key, keep))
				m.next(t, auth.LetterPasswordChanged, "alice@example.com")

				w.wantDead("an older link", "alice", older)
				for what, p := range map[string]auth.Proof{
					"session": attacker, "password": password("alice"), "encrypted password": auth.EncryptedPassword{User: "alice", Secret: encrypted},
				} {
					if w.holds(p) {
						t.Errorf("the %s lives", what)
					}
				}
				for what, p := range map[string]auth.Proof{
					"API key": key, "token": bearer(tok.JWT), "reference token": bearer(tok.Reference), "SSH key": ssh, "token of the SSH key": bearer(byKey.JWT), "short token": short,
				} {
					if w.holds(p) != keep {
						t.Errorf("the %s lives: %v", what, !keep)
					}
				}
				if _, err := w.refresh(tok.Refresh); (err == nil) != keep {
					t.Errorf("refreshed: %v", err)
				}
				if taken, done, err := w.WebLogins.Take(t.Context(), home, waiting); (err == nil && done && w.holds(bearer(taken.JWT))) != keep {
					t.Errorf("a web login that was approved before: done %v, %v", done, err)
				}
				// The owner signs in, and finds nothing waiting.
				owner := w.who(auth.Password{User: "alice", Secret: newPassword})
				secret, _, err := w.Sessions.SignIn(t.Context(), home, "alice", newPassword, false)
				must(t, err)
				session := w.who(auth.Session{Secret: secret})
				wantCode(t, "the attacker's address is confirmed", w.Users.ConfirmEmail(t.Context(), session, confirm), auth.NotFound)
				if email, _, err := w.Users.PendingEmail(t.Context(), session, "alice"); err != nil || email != "" {
					t.Errorf("waits: %q, %v", email, err)
				}
				want := "not_found"
				if keep {
					want = "mallory " + upstreamSecret
				}
				w.wantUpstream("upstream", owner, basic, want)
				_, err = w.SSHKeys.Create(t.Context(), owner, auth.NewSSHKey{Line: line(ssh.Key)})
				if keep {
					wantCode(t, "the kept SSH key again", err, auth.Exists)
				} else if err != nil || !w.holds(ssh) || w.holds(bearer(byKey.JWT)) {
					t.Errorf("the dead SSH key registered again: %v", err)
				}
				user, err := w.Users.Get(t.Context(), w.admin, "alice")
				if must(t, err); user.Email != "alice@example.com" {
					t.Errorf("the address is %s", user.Email)
				}
			})
		}
	}
}

// A store that fails half way leaves the old password or the new one, and never
// a link that works twice.
func TestResetCutOff(t *testing.T) {
	for n := 1; ; n++ {
		c := storetest.NewClock()
		store := storetest.NewFaulty(storetest.NewMemory(c.Now))
		w := worldOver(t, store, c)
		w.user("alice", withPassword)
		key := w.apiKey(w.admin, "alice")
		link := w.made("alice")
		store.FailWrite(n, storetest.NotPersisted)
		err := w.choose("alice", link.Key, false)
		store.Heal()
		changed := w.holds(auth.Password{User: "alice", Secret: newPassword})
		if err == nil {
			if !changed || w.holds(key) {
				t.Error("done, and nothing changed")
			}
			w.wantDead("a used link", "alice", link.Key)
			return
		}
		wantCode(t, "cut off", err, auth.Unavailable)
		if changed || !w.holds(key) {
			t.Errorf("write %d failed, and the password has changed", n)
		}
		if n > 10 {
			t.Fatal("it never comes to an end")
		}
	}
}
