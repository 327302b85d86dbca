package auth_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
)

// An act through a provider, and what of it works once it is over.
type throughAct struct {
	do func(w *world, e *elsewhere) (auth.Session, error)
	// fresh acts begin a session of their own; the others act in one that was
	// there before.
	fresh bool
}

// elsewhereScene is a store in which alice is linked at both providers, is in
// "hand" by hand and in "crew" by the word of corp, and has a session through it.
type elsewhereScene struct {
	*world
	session auth.Session
	info    auth.SessionInfo
	said    auth.External // what the session was begun with
	corp    auth.Binding
}

func newElsewhereScene(t *testing.T) *elsewhereScene {
	base := newWorld(t)
	base.SetMatches(func(string, string) bool { return true })
	e := base.elsewhere(corp(refreshing), ghe())
	for _, g := range []string{"crew", "hand"} {
		base.group(g)
	}
	base.user("alice", withPassword, inGroups("hand"))
	base.user("bob", withPassword)
	s := &elsewhereScene{world: base, corp: base.link("alice", atCorp("1"))}
	s.said = e.comes(atCorp("1", given("crew"), sid("before")))
	s.session, s.info = base.through(s.said)
	base.clock.Advance(6 * time.Minute)
	return s
}

func (s *elsewhereScene) acts() map[string]throughAct {
	return map[string]throughAct{
		"sign in": {fresh: true, do: func(w *world, e *elsewhere) (auth.Session, error) {
			p, _, err := w.tryThrough(e.comes(atCorp("1", given("crew"), sid("now"))))
			return p, err
		}},
		"sign in, no secrets": {fresh: true, do: func(w *world, e *elsewhere) (auth.Session, error) {
			p, _, err := w.tryThrough(atCorp("1", given("crew")))
			return p, err
		}},
		"unlock": {do: func(w *world, e *elsewhere) (auth.Session, error) {
			who, err := w.Identify(w.t.Context(), home, s.session)
			if err != nil {
				return s.session, err
			}
			ext := e.comes(atCorp("1", given("crew"), sid("now")))
			ext.SignedIn = w.clock.Now()
			return s.session, errOf(w.Sessions.UnlockThrough(w.t.Context(), who, auth.Attempt{Purpose: auth.ToUnlock, Session: s.info.ID, Begun: w.clock.Now()}, ext))
		}},
		"refresh": {do: func(w *world, e *elsewhere) (auth.Session, error) {
			e.mu.Lock()
			e.good[s.said.Refresh.Reveal()], e.now["1"] = s.said, s.said
			e.mu.Unlock()
			if _, err := w.Identify(w.t.Context(), home, s.session); err != nil {
				return s.session, err
			}
			w.FlushUses(w.t.Context())
			eventually(w.t, patience, "it is asked", func() bool { return w.Asking() == 0 })
			return s.session, nil
		}},
	}
}

// Whatever ends an account, its link, its group or its sessions at whatever
// moment of an act through a provider: once both are over no session that ended
// works, and nobody is in a group that nobody gives.
func TestWhateverEndsWhileAProviderIsActedThrough(t *testing.T) {
	s := newElsewhereScene(t)
	type end struct {
		do func(w *world) error
		// sessions end that were begun before (and those that begin, where the
		// act had read its link before).
		before, fresh bool
		groups        string // that alice may be in afterwards; "": nothing is asked
	}
	bg := context.Background()
	ends := map[string]end{
		"disabled": {do: func(w *world) error { return w.Users.Disable(bg, w.admin, "alice") }, before: true, fresh: true},
		"disabled and enabled": {do: func(w *world) error {
			if err := w.Users.Disable(bg, w.admin, "alice"); err != nil {
				return err
			}
			return w.Users.Enable(bg, w.admin, "alice")
		}, before: true},
		"deleted": {do: func(w *world) error { return w.Users.Delete(bg, w.admin, "alice") }, before: true, fresh: true},
		"a namesake": {do: func(w *world) error {
			if err := w.Users.Delete(bg, w.admin, "alice"); err != nil {
				return err
			}
			return errOf(w.Users.Create(bg, w.admin, auth.NewUser{Name: "alice", Email: "a@example.com", Groups: []string{"hand"}}))
		}, before: true, fresh: true, groups: "hand"},
		"reset": {do: func(w *world) error {
			link, err := w.Passwords.ResetLink(bg, w.admin, "alice")
			if err != nil {
				return err
			}
			return w.Passwords.Reset(bg, home, "alice", link.Key, newPassword, false)
		}, before: true, fresh: true, groups: "hand"},
		"reset, kept": {do: func(w *world) error {
			link, err := w.Passwords.ResetLink(bg, w.admin, "alice")
			if err != nil {
				return err
			}
			return w.Passwords.Reset(bg, home, "alice", link.Key, newPassword, true)
		}, before: true},
		"unlinked": {do: func(w *world) error { return w.Bindings.Delete(bg, w.admin, s.corp.ID) }, before: true, fresh: true, groups: "hand"},
		"linked to another": {do: func(w *world) error {
			if err := w.Bindings.Delete(bg, w.admin, s.corp.ID); err != nil {
				return err
			}
			secret, info, err := w.Sessions.SignIn(bg, home, "bob", auth.NewSecret(rightPassword), false)
			if err != nil {
				return err
			}
			who, err := w.Identify(bg, home, auth.Session{Secret: secret})
			if err != nil {
				return err
			}
			if _, err := w.Sessions.Unlock(bg, who, auth.NewSecret(rightPassword)); err != nil {
				return err
			}
			if who, err = w.Identify(bg, home, auth.Session{Secret: secret}); err != nil {
				return err
			}
			return errOf(w.Bindings.Create(bg, who, info.ID, atCorp("1")))
		}, before: true, groups: "hand"},
		"provider gone": {do: func(w *world) error {
			w.SetProviders([]auth.Provider{ghe()}, newElsewhere(w.t))
			return nil
		}, before: true, fresh: true, groups: "hand"},
		"logged out by subject": {do: func(w *world) error {
			return errOf(w.Sessions.LoggedOut(bg, home, auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer, Subject: "1", ID: "l"}))
		}, before: true},
		"group gone":         {do: func(w *world) error { return w.Groups.Delete(bg, w.admin, "crew") }, groups: "hand"},
		"all sessions ended": {do: func(w *world) error { return w.Sessions.RevokeAll(bg, w.admin, "alice") }, before: true},
		"no pages": {do: func(w *world) error {
			return errOf(w.Users.Update(bg, w.admin, "alice", auth.UserChange{PagesDisabled: pointTo(true)}))
		}, before: true, fresh: true},
	}
	acts := s.acts()
	delete(acts, "sign in, no secrets") // a part of the other
	for name, act := range acts {
		for what, end := range ends {
			t.Run(name+"/"+what, func(t *testing.T) {
				for n := 1; ; n++ {
					m := &midway{}
					w, e := s.copied(func(s keystore.Store) keystore.Store { m.Store = s; return m }, corp(refreshing), ghe())
					w.t = t
					var ended error
					m.mu.Lock()
					m.left, m.do = n, func() { ended = end.do(w) }
					m.mu.Unlock()
					p, err := act.do(w, e)
					m.mu.Lock()
					over := m.left > 0
					m.left = 0
					m.mu.Unlock()
					if over {
						break
					}
					must(t, ended)
					dead := end.before && !act.fresh || end.fresh && act.fresh
					if err == nil && dead && w.holds(p) {
						t.Errorf("before operation %d: the session works", n)
					}
					if end.groups != "" {
						acc, err := w.Users.Get(t.Context(), w.admin, "alice")
						if err != nil || strings.Join(acc.Groups, " ") != end.groups {
							t.Errorf("before operation %d: in %v, %v", n, acc.Groups, err)
						}
					}
					if what == "group gone" {
						w.group("crew")
						if acc, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || slices.Contains(acc.Groups, "crew") {
							t.Errorf("before operation %d: in a group that was made again, %v", n, err)
						}
					}
					if what == "linked to another" && act.fresh && err == nil {
						if who, err := w.Identify(t.Context(), home, p); err == nil && who.User != "bob" {
							t.Errorf("before operation %d: signs in %s", n, who.User)
						}
					}
					if n > 120 {
						t.Fatal("it never comes to an end")
					}
				}
			})
		}
	}
}

// gets is a store that tells which keys were read.
type gets struct {
	midway
	read []string
}

func (g *gets) Get(ctx context.Context, key string) (keystore.Item, error) {
	g.mu.Lock()
	g.read = append(g.read, key)
	g.mu.Unlock()
	return g.midway.Get(ctx, key)
}

// A provider that ends all of a subject while a session of it begins ends that
// session too, from the moment at which its link was read.
func TestALogoutBySubjectEndsWhatBegins(t *testing.T) {
	s := newElsewhereScene(t)
	logout := auth.ExternalLogout{Provider: "corp", Issuer: corpIssuer, Subject: "1", ID: "l"}
	for name, act := range s.acts() {
		if !act.fresh {
			continue
		}
		for n := 1; ; n++ {
			m := &gets{}
			w, e := s.copied(func(s keystore.Store) keystore.Store { m.Store = s; return m })
			var ended error
			known := false
			m.read = nil
			m.left, m.do = n, func() {
				m.mu.Lock()
				known = slices.Contains(m.read[:max(0, len(m.read)-1)], "binding/"+s.corp.ID)
				m.mu.Unlock()
				ended = errOf(w.Sessions.LoggedOut(context.Background(), home, logout))
			}
			p, err := act.do(w, e)
			m.mu.Lock()
			over := m.left > 0
			m.left = 0
			m.mu.Unlock()
			if over {
				break
			}
			must(t, ended)
			if known && err == nil && w.holds(p) {
				t.Errorf("%s: logged out before operation %d, and the session works", name, n)
			}
			if n > 120 {
				t.Fatal("it never comes to an end")
			}
		}
	}
}
