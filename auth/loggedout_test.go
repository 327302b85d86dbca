package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func TestAProviderEndsSessions(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			w, second, e := replicas(t, b)
			ctx := t.Context()
			for _, name := range []string{"alice", "bob"} {
				w.user(name, withPassword)
				w.link(name, atCorp(name))
			}
			w.link("alice", atGHE("alice"))
			begin := func(ext auth.External) auth.Session { return first(w.through(e.comes(ext))) }
			one, two := begin(atCorp("alice", sid("s1"))), begin(atCorp("alice", sid("s2")))
			twin, bob := begin(atCorp("alice", sid("s1"))), begin(atCorp("bob", sid("s3")))
			other, plain := begin(atGHE("alice")), first(w.session("alice", false))
			sessions := map[string]auth.Session{"one": one, "two": two, "twin": twin, "bob": bob, "other": other, "plain": plain}
			alive := func(want string) {
				t.Helper()
				for name, s := range sessions {
					if lives := strings.Contains(" "+want+" ", " "+name+" "); lives != w.holds(s) {
						t.Errorf("%s lives: %v", name, !lives)
					} else if !lives {
						eventually(t, patience, name+" ends on the other replica", func() bool { return !second.holds(s) })
					}
				}
			}
			end := func(l auth.ExternalLogout, want int) {
				t.Helper()
				if l.Provider == "" {
					l.Provider, l.Issuer = "corp", corpIssuer
				}
				if n, err := second.Sessions.LoggedOut(ctx, home, l); err != nil || n != want {
					t.Errorf("%+v: %d ended, %v", l, n, err)
				}
			}
			alive("one two twin bob other plain")
			wantCode(t, "of nothing", errOf(w.Sessions.LoggedOut(ctx, home, auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer})), auth.Invalid)
			end(auth.ExternalLogout{SID: "s9", ID: "0"}, 0)
			end(auth.ExternalLogout{Subject: "nobody", ID: "1"}, 0)
			end(auth.ExternalLogout{Provider: "ghe", Issuer: gheIssuer, SID: "s1", ID: "2"}, 0)
			end(auth.ExternalLogout{Provider: "corp", Issuer: gheIssuer, Subject: "alice", ID: "3"}, 0)
			end(auth.ExternalLogout{SID: "s1", Subject: "bob", ID: "4"}, 0)
			alive("one two twin bob other plain")
			end(auth.ExternalLogout{SID: "s1", Subject: "alice", ID: "5"}, 2)
			alive("two bob other plain")
			// Told again, and after another sign-in in the same session there.
			again := begin(atCorp("alice", sid("s1")))
			end(auth.ExternalLogout{SID: "s1", Subject: "alice", ID: "5"}, 0)
			if !w.holds(again) {
				t.Error("an old end ended a new session")
			}
			sessions["again"] = again
			end(auth.ExternalLogout{SID: "s1", ID: "6"}, 1)
			alive("two bob other plain")
			// By subject, though the account is disabled.
			must(t, w.Users.Disable(ctx, w.admin, "bob"))
			end(auth.ExternalLogout{Subject: "bob", ID: "7"}, 1)
			must(t, w.Users.Enable(ctx, w.admin, "bob"))
			end(auth.ExternalLogout{Subject: "alice", ID: "8"}, 1)
			alive("other plain")
			if n := w.RecordsOf(ctx, "providersession/"); n != 1 { // of other
				t.Errorf("%d sealed records are left", n)
			}
			if trail := second.trail.String(); second != w && strings.Count(trail, `"provider.logout"`) != 4 || !strings.Contains(trail, `"target":"bob"`) {
				t.Errorf("%s", trail)
			}
		})
	}
}

// What is told while the store fails is done when it is told again.
func TestALogoutThatFailedIsRepeated(t *testing.T) {
	for n := 1; ; n++ {
		c := storetest.NewClock()
		store := storetest.NewFaulty(storetest.NewMemory(c.Now))
		w := worldOver(t, store, c)
		w.SetMatches(func(string, string) bool { return true })
		e := w.elsewhere()
		w.user("alice", withPassword)
		w.link("alice", atCorp("1"))
		s, _ := w.through(e.comes(atCorp("1", sid("s"))))
		store.FailWrite(n, storetest.NotPersisted)
		end := auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer, SID: "s", ID: "x"}
		_, err := w.Sessions.LoggedOut(t.Context(), home, end)
		store.Heal()
		if err == nil {
			if n < 4 {
				t.Errorf("only %d writes", n-1)
			}
			return
		}
		must(t, errOf(w.Sessions.LoggedOut(t.Context(), home, end)))
		if w.holds(s) {
			t.Fatalf("write %d failed, and the session goes on", n)
		}
	}
}

// Whatever a provider ends while a session of it begins: once both are over it
// does not work.
func TestEndedWhileItBegins(t *testing.T) {
	for what, end := range map[string]func(w *world, id string) error{
		"logged out": func(w *world, _ string) error {
			return errOf(w.Sessions.LoggedOut(context.Background(), home, auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer, SID: "s"}))
		},
		"unlinked": func(w *world, id string) error { return w.Bindings.Delete(context.Background(), w.admin, id) },
		"disabled": func(w *world, _ string) error { return w.Users.Disable(context.Background(), w.admin, "alice") },
		"deleted":  func(w *world, _ string) error { return w.Users.Delete(context.Background(), w.admin, "alice") },
		"reset": func(w *world, _ string) error {
			link, err := w.Passwords.ResetLink(context.Background(), w.admin, "alice")
			if err != nil {
				return err
			}
			return w.Passwords.Reset(context.Background(), home, "alice", link.Key, newPassword, false)
		},
	} {
		t.Run(what, func(t *testing.T) {
			base := newWorld(t)
			base.elsewhere()
			base.group("crew")
			base.user("alice", withPassword)
			bound := base.link("alice", atCorp("1"))
			for n := 1; ; n++ {
				m := &midway{}
				w, e := base.copied(func(s keystore.Store) keystore.Store { m.Store = s; return m })
				ext := e.comes(atCorp("1", sid("s"), given("crew")))
				var ended error
				known := what != "logged out"
				m.mu.Lock()
				m.left, m.do = n, func() {
					// What is told before the session is known here is nothing to end.
					known = known || w.RecordsOf(context.Background(), "providersid/") > 0
					ended = end(w, bound.ID)
				}
				m.mu.Unlock()
				s, _, err := w.tryThrough(ext)
				m.mu.Lock()
				over := m.left > 0
				m.left = 0
				m.mu.Unlock()
				if over {
					break
				}
				must(t, ended)
				if err == nil && w.holds(s) && known {
					t.Errorf("ended before operation %d: the session works", n)
				}
				if what == "unlinked" || what == "reset" {
					if u, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || len(u.Groups) > 0 {
						t.Errorf("ended before operation %d: groups %v, %v", n, u.Groups, err)
					}
				}
				if n > 80 {
					t.Fatal("it never comes to an end")
				}
			}
		})
	}
}

func TestFarewell(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere()
	ctx := t.Context()
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	ext := e.comes(atCorp("1"))
	s, _ := w.through(ext)
	bare, _ := w.through(atCorp("1"))
	plain, _ := w.session("alice", false)
	long := e.comes(atCorp("1"))
	long.IDToken = auth.NewSecret(strings.Repeat("x", 24<<10))
	large, _ := w.through(long)
	for _, c := range []struct {
		p        auth.Proof
		provider string
		token    string
	}{{s, "corp", ext.IDToken.Reveal()}, {bare, "corp", ""}, {plain, "", ""}, {password("alice"), "", ""}, {large, "corp", ""}} {
		provider, token, err := w.Sessions.Farewell(ctx, w.who(c.p))
		if err != nil || provider != c.provider || token.Reveal() != c.token {
			t.Errorf("%s %q, %v", provider, token.Reveal(), err)
		}
	}
	if n := w.RecordsOf(ctx, "providersession/"); n != 2 {
		t.Errorf("%d records", n)
	}
	must(t, w.Sessions.End(ctx, w.who(s)))
	must(t, w.Users.Delete(ctx, w.admin, "alice"))
	if n := w.RecordsOf(ctx, "providersession/") + w.RecordsOf(ctx, "binding/") + w.RecordsOf(ctx, "bindings/"); n != 0 {
		t.Errorf("%d records are left", n)
	}
}

// Of many sessions that are one at the provider the oldest give way.
func TestOneSessionThereIsSomeHere(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	var all []auth.Session
	for range 25 {
		all = append(all, first(w.through(atCorp("1", sid("s")))))
	}
	for i, s := range all {
		if w.holds(s) != (i >= 5) {
			t.Errorf("session %d: %v", i, w.holds(s))
		}
	}
	if n, err := w.Sessions.LoggedOut(t.Context(), home, auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer, SID: "s"}); n != 20 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

func TestFailuresElsewhereAreRecordedSomeTimes(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	w.Trail.ElsewhereFailed(auth.Identity{Peer: home}, "corp", auth.ToSignIn, nil)
	for i := range 50 {
		err := &auth.Error{Code: auth.Invalid, Reason: "begin again", Err: fmt.Errorf("state %d is unknown", i)}
		w.Trail.ElsewhereFailed(auth.Identity{Peer: home}, "corp", auth.ToSignIn, err)
		w.Trail.ElsewhereFailed(auth.Identity{Peer: home}, fmt.Sprint("made-up-", i), auth.ToSignIn, err)
	}
	w.Trail.ElsewhereFailed(auth.Identity{Peer: home}, "ghe", auth.ToSignIn, errors.New("x"))
	if n := strings.Count(w.trail.String(), `"provider.refused"`); n != 21 {
		t.Errorf("%d lines", n)
	}
	if !strings.Contains(w.trail.String(), "state 0 is unknown") {
		t.Error("the cause is not told")
	}
	w.clock.Advance(11 * time.Minute)
	w.Trail.ElsewhereFailed(auth.Identity{Peer: home}, "corp", auth.ToSignIn, errors.New("x"))
	if n := strings.Count(w.trail.String(), `"provider.refused"`); n != 22 {
		t.Errorf("%d lines after the window", n)
	}
}
