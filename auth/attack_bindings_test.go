package auth_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// Whoever sits in an unlocked session of the account and links an identity at
// the very moment at which its owner chooses a new password, or the account is
// disabled for good, has nothing left afterwards.
func TestLinkedWhileThePasswordIsReset(t *testing.T) {
	for what, end := range map[string]func(w *world, link auth.ResetLink) error{
		"reset": func(w *world, link auth.ResetLink) error {
			return w.Passwords.Reset(context.Background(), home, "alice", link.Key, newPassword, false)
		},
		"deleted": func(w *world, _ auth.ResetLink) error {
			return w.Users.Delete(context.Background(), w.admin, "alice")
		},
		"session ended": func(w *world, _ auth.ResetLink) error {
			return w.Sessions.RevokeAll(context.Background(), w.admin, "alice")
		},
	} {
		t.Run(what, func(t *testing.T) {
			base := newWorld(t)
			base.user("alice", withPassword)
			attacker, info := base.session("alice", true)
			link := base.made("alice")
			for n := 1; ; n++ {
				m := &midway{}
				w, _ := base.copied(func(s keystore.Store) keystore.Store { m.Store = s; return m })
				who := w.who(attacker)
				var ended error
				m.mu.Lock()
				m.left, m.do = n, func() { ended = end(w, link) }
				m.mu.Unlock()
				_, err := w.Bindings.Create(t.Context(), who, info.ID, atCorp("attacker"))
				m.mu.Lock()
				over := m.left > 0
				m.left = 0
				m.mu.Unlock()
				if over {
					break
				}
				must(t, ended)
				_, _, through := w.tryThrough(atCorp("attacker"))
				if through == nil && (what != "session ended" || err != nil) {
					t.Errorf("%s before operation %d: the attacker signs in (linking: %v)", what, n, err)
				}
				list, err := w.Bindings.List(t.Context(), w.admin, "alice")
				if what != "deleted" && (err != nil || (len(list) > 0) != (through == nil)) {
					t.Errorf("%s before operation %d: listed %+v, %v; signs in: %v", what, n, list, err, through)
				}
				if n > 60 {
					t.Fatal("it never comes to an end")
				}
			}
		})
	}
}

// Whichever write fails, and whether or not the store took it: what signs in
// is listed, what was unlinked does not sign in, nobody becomes two users, and
// the call can be repeated.
func TestLinkingUnderFaults(t *testing.T) {
	calls := map[string]struct {
		do   func(w *world) error
		ends bool // the link
	}{
		"link": {do: func(w *world) error {
			s, info := w.session("alice", true)
			_, err := w.Bindings.Create(w.t.Context(), w.who(s), info.ID, atCorp("1"))
			if auth.CodeOf(err) == auth.Exists {
				err = nil // done before, though the answer was lost
			}
			return err
		}},
		"sign in": {do: func(w *world) error { return errOf2(w.tryThrough(w.ext(atGHE("1")))) }},
		"arrive": {do: func(w *world) error {
			return errOf2(w.tryThrough(w.ext(atCorp("zoe", login("zoe"), given("crew"), sid("s")))))
		}},
		"unlink": {ends: true, do: func(w *world) error {
			list, err := w.Bindings.List(w.t.Context(), w.admin, "alice")
			if err != nil || len(list) == 0 {
				return err
			}
			return w.Bindings.Delete(w.t.Context(), w.admin, list[0].ID)
		}},
	}
	for name, call := range calls {
		for _, mode := range []storetest.Mode{storetest.NotPersisted, storetest.Persisted} {
			t.Run(fmt.Sprint(name, mode), func(t *testing.T) {
				base := newWorld(t)
				base.elsewhere(corp(autoCreate), ghe())
				base.group("crew")
				base.user("alice", withPassword)
				base.link("alice", atGHE("1"))
				s, _ := base.through(atGHE("1"))
				for n := 1; ; n++ {
					var store *storetest.Faulty
					w, _ := base.copied(func(s keystore.Store) keystore.Store {
						store = storetest.NewFaulty(s)
						return store
					}, corp(autoCreate), ghe())
					store.FailWrite(n, mode)
					var err error
					func() {
						defer func() { recover() }() // w.session gives up the test
						err = call.do(&world{Authority: w.Authority, t: quiet{t}, clock: w.clock, store: w.store, ring: w.ring, trail: w.trail, log: w.log, admin: w.admin})
					}()
					missed := store.Writes() < n
					store.Heal()
					for _, ext := range []auth.External{atGHE("1"), atCorp("1")} {
						if _, info, err := w.tryThrough(ext); err == nil && info.Owner == "alice" {
							if list, err := w.Bindings.List(t.Context(), w.admin, "alice"); err != nil || !strings.Contains(fmt.Sprintf("%+v", list), ext.Issuer) {
								t.Errorf("write %d: what signs in is not listed: %+v, %v", n, list, err)
							}
						}
					}
					if call.ends && err == nil && w.holds(s) {
						t.Errorf("write %d: unlinked, and the session goes on", n)
					}
					w.clock.Advance(11 * time.Second)
					must(t, call.do(w))
					if call.ends && w.holds(s) {
						t.Errorf("write %d: unlinked again, and the session goes on", n)
					}
					users, _, err := w.Users.List(t.Context(), w.admin, auth.Query{})
					want := 1
					if name == "arrive" || name == "link" { // who tried to sign in above, unlinked, was nobody
						want = len(users)
					}
					for _, u := range users {
						if u.Name != "alice" && u.Name != "zoe" {
							t.Errorf("write %d: a user %s", n, u.Name)
						}
					}
					if err != nil || len(users) != want {
						t.Errorf("write %d: %d users, %v", n, len(users), err)
					}
					if missed {
						if n < 4 {
							t.Errorf("only %d writes", n-1)
						}
						return
					}
				}
			})
		}
	}
}

// quiet lets what fails under faults fail alone.
type quiet struct{ testing.TB }

func (quiet) Helper()               {}
func (quiet) Fatal(...any)          { panic("given up") }
func (quiet) Fatalf(string, ...any) { panic("given up") }

// ext is an answer with secrets.
func (w *world) ext(ext auth.External) auth.External {
	ext.Refresh, ext.IDToken = auth.NewSecret("refresh"), auth.NewSecret("id-token")
	return ext
}

// What providers hand out, and what they say of people beyond what is shown,
// stands in no log, not in the trail and not readable in the store.
func TestSecretsOfProvidersAreSealed(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(refreshing, autoCreate), ghe())
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	ext := e.comes(atCorp("1", sid("session-at-the-provider-4711")))
	ext.Refresh, ext.IDToken = auth.NewSecret("refresh-secret-aaaaaaaaaaaaaaaaaaaaaaa"), auth.NewSecret("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlIG9mIGl0")
	e.good[ext.Refresh.Reveal()] = ext
	s, _ := w.through(ext)
	tok := e.token(corpIssuer, atCorp("1", ending(w.clock.Now().Add(time.Hour))))
	w.who(w.ReadBearer(tok, []string{"corp"}))
	w.holds(auth.ExternalToken{Secret: auth.NewSecret("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIyIn0.YW5vdGhlciBzaWduYXR1cmU"), Providers: []string{"corp"}})
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	w.settled(e, 1)
	e.says("1", func(x *auth.External) { *x = auth.External{} })
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	w.settled(e, 2)
	places := map[string]string{"log": w.log.String(), "trail": w.trail.String(), "print": fmt.Sprintf("%v %+v %#v", ext, ext, ext)}
	for item, err := range w.store.List(t.Context(), "") {
		must(t, err)
		places["store"] += item.Key + " " + string(item.Value) + "\n"
	}
	for what, text := range map[string]string{
		"refresh secret": ext.Refresh.Reveal(), "id_token": ext.IDToken.Reveal(), "token": tok.Secret.Reveal(),
		"session there": "session-at-the-provider-4711", "session here": s.Secret.Reveal(), "next refresh secret": "refresh-1-",
	} {
		for _, form := range []string{text, base64.StdEncoding.EncodeToString([]byte(text))} {
			for place, all := range places {
				if place == "print" && what == "session there" {
					continue
				}
				if strings.Contains(all, form) {
					t.Errorf("the %s stands in the %s", what, place)
				}
			}
		}
	}
}

// A box that is moved to another session, or of an account made again, does
// not open.
func TestOutsideBoxesAreTheirSessionsOwn(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere(corp(refreshing), ghe())
	for _, name := range []string{"alice", "mallory"} {
		w.user(name, withPassword)
		w.link(name, atCorp(name))
	}
	_, victim := w.through(e.comes(atCorp("alice")))
	s, mine := w.through(e.comes(atCorp("mallory")))
	theirs, err := w.store.Get(t.Context(), "providersession/"+victim.ID)
	must(t, err)
	item, err := w.store.Get(t.Context(), "providersession/"+mine.ID)
	must(t, err)
	moved := item
	moved.Value = theirs.Value
	must(t, w.store.Replace(t.Context(), item, moved))
	if _, token, err := w.Sessions.Farewell(t.Context(), w.who(s)); err != nil || !token.Empty() {
		t.Errorf("%q, %v", token.Reveal(), err)
	}
	w.clock.Advance(6 * time.Minute)
	w.used(s)
	w.settled(e, 0)
}
