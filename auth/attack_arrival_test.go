package auth_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
)

// Whatever happens at whatever moment of a first sign-in: the identity is one
// user's, who is nobody that was there before, and no group that goes is left.
func TestWhateverHappensWhileSomebodyArrives(t *testing.T) {
	base := newWorld(t)
	base.SetMatches(func(string, string) bool { return true })
	base.elsewhere(corp(autoCreate), ghe())
	base.group("crew")
	base.group("staff")
	base.user("alice", withPassword)
	alice, info := base.session("alice", true)
	made := auth.NewUser{Name: "zoe", Email: "zoe@example.com", Groups: []string{"staff"}}
	bg := context.Background()
	for what, do := range map[string]func(w *world) error{
		"a user of the name is made": func(w *world) error {
			_, err := w.Users.Create(bg, w.admin, made)
			if auth.CodeOf(err) == auth.Exists {
				err = nil
			}
			return err
		},
		"the user is deleted": func(w *world) error {
			if err := w.Users.Delete(bg, w.admin, "zoe"); auth.CodeOf(err) != auth.NotFound {
				return err
			}
			return nil
		},
		"the user is deleted, and a namesake made": func(w *world) error {
			if err := w.Users.Delete(bg, w.admin, "zoe"); err != nil && auth.CodeOf(err) != auth.NotFound {
				return err
			}
			return errOf(w.Users.Create(bg, w.admin, made))
		},
		"another links the identity": func(w *world) error {
			who, err := w.Identify(bg, home, alice)
			if err != nil {
				return err
			}
			if _, err = w.Bindings.Create(bg, who, info.ID, atCorp("zoe")); auth.CodeOf(err) == auth.Exists {
				err = nil
			}
			return err
		},
		"the group goes":    func(w *world) error { return w.Groups.Delete(bg, w.admin, "crew") },
		"the provider goes": func(w *world) error { w.SetProviders([]auth.Provider{ghe()}, newElsewhere(w.t)); return nil },
		"the provider makes no more users": func(w *world) error {
			w.SetProviders([]auth.Provider{corp(), ghe()}, newElsewhere(w.t))
			return nil
		},
		"the same arrives": func(w *world) error {
			ctx, cancel := context.WithTimeout(bg, 5*time.Millisecond) // it may wait for the first, which waits for it
			defer cancel()
			_, _, err := w.Sessions.SignInThrough(ctx, home, atCorp("zoe", login("zoe")))
			if code := auth.CodeOf(err); code == auth.Throttled || code == auth.Unavailable {
				err = nil
			}
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			for n := 1; ; n++ {
				m := &midway{}
				w, _ := base.copied(func(s keystore.Store) keystore.Store { m.Store = s; return m }, corp(autoCreate), ghe())
				w.t = t
				var done error
				m.left, m.do = n, func() { done = do(w) }
				s, _, err := w.tryThrough(atCorp("zoe", login("zoe"), given("crew")))
				m.mu.Lock()
				over := m.left > 0
				m.left = 0
				m.mu.Unlock()
				if over {
					break
				}
				must(t, done)
				users, _, lerr := w.Users.List(t.Context(), w.admin, auth.Query{})
				must(t, lerr)
				var names []string
				for _, u := range users {
					names = append(names, u.Name)
					if what == "the group goes" && slices.Contains(u.Groups, "crew") {
						t.Errorf("before operation %d: %s is in a group that is gone", n, u.Name)
					}
					if u.Realm == "internal" && slices.Contains(u.Groups, "crew") && u.Name != "alice" {
						t.Errorf("before operation %d: %s is in %v", n, u.Name, u.Groups)
					}
				}
				if err == nil {
					if who, err := w.Identify(t.Context(), home, s); err == nil {
						u, err := w.Users.Get(t.Context(), w.admin, who.User)
						if err != nil || u.Realm == "internal" && (who.User != "alice" || what != "another links the identity") {
							t.Errorf("before operation %d: it signs in %s, %v", n, who.User, err)
						}
					}
					if what == "the provider goes" && w.holds(s) {
						t.Errorf("before operation %d: the session works", n)
					}
				}
				// The identity is one user's from now on.
				w.SetProviders([]auth.Provider{corp(autoCreate), ghe()}, newElsewhere(t))
				w.clock.Advance(11 * time.Second)
				owners := map[string]bool{}
				for range 2 {
					_, info, err := w.tryThrough(atCorp("zoe", login("zoe")))
					if err != nil {
						t.Errorf("before operation %d: afterwards %v", n, err)
						continue
					}
					owners[info.Owner] = true
				}
				listed := 0
				for _, name := range append(names, slices.Collect(maps.Keys(owners))...) {
					list, err := w.Bindings.List(t.Context(), w.admin, name)
					if err == nil && len(list) > 0 && owners[name] {
						listed++
					}
				}
				if len(owners) != 1 || listed == 0 {
					t.Errorf("before operation %d: it is %v, of %v", n, owners, names)
				}
				if n > 400 {
					t.Fatal("it never comes to an end")
				}
			}
		})
	}
}

// A provider's own token, an administrator's too, opens routes and nothing else.
func TestATokenOfAProviderOpensRoutesAlone(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere()
	w.group("crew")
	w.user("adm", withPassword, asAdmin)
	w.user("bob", withPassword)
	w.link("adm", atCorp("1"))
	key := w.apiKey(w.admin, "adm")
	mine := w.token(w.who(key), auth.NewToken{})
	_, ssh := w.sshKey(w.admin, "adm", time.Time{})
	_, session := w.session("adm", false)
	bindings, err := w.Bindings.List(t.Context(), w.admin, "adm")
	must(t, err)
	w.wait(waitID)
	p := w.ReadBearer(e.token(corpIssuer, atCorp("1", ending(w.clock.Now().Add(time.Hour)))), []string{"corp"})
	who := w.who(p)
	if !who.Admin {
		t.Fatalf("%+v", who)
	}
	short := w.who(w.grant(who, auth.Grant{Route: "lfs", Repo: "a", Op: auth.Write, Life: 100 * time.Hour}))
	if short.Expires.After(who.Expires) {
		t.Errorf("what it made for one repository ends at %v, itself at %v", short.Expires, who.Expires)
	}
	ctx := t.Context()
	password := auth.NewSecret("a password of somebody's choice")
	for what, do := range map[string]func(who auth.Identity) error{
		"link":            func(who auth.Identity) error { return errOf(w.Bindings.Create(ctx, who, who.Via.ID, atGHE("1"))) },
		"list links":      func(who auth.Identity) error { return errOf(w.Bindings.List(ctx, who, "adm")) },
		"unlink":          func(who auth.Identity) error { return w.Bindings.Delete(ctx, who, bindings[0].ID) },
		"client token":    func(who auth.Identity) error { return errOf2(w.Tokens.ForClient(ctx, who)) },
		"registry token":  func(who auth.Identity) error { return errOf2(w.Tokens.Short(ctx, who)) },
		"e-mail":          func(who auth.Identity) error { return errOf(w.Users.ChangeEmail(ctx, who, "adm", "x@example.com")) },
		"waiting e-mail":  func(who auth.Identity) error { return errOf2(w.Users.PendingEmail(ctx, who, "adm")) },
		"confirm e-mail":  func(who auth.Identity) error { return w.Users.ConfirmEmail(ctx, who, auth.Secret{}) },
		"encrypted":       func(who auth.Identity) error { return errOf(w.Passwords.Encrypted(ctx, who)) },
		"form":            func(who auth.Identity) error { return w.Sessions.Once(ctx, who, "aaaaaaaaaaaaaaaaaaaa") },
		"make a group":    func(who auth.Identity) error { return errOf(w.Groups.Create(ctx, who, "new", "")) },
		"see a group":     func(who auth.Identity) error { return errOf(w.Groups.Get(ctx, who, "crew")) },
		"list groups":     func(who auth.Identity) error { return errOf(w.Groups.List(ctx, who)) },
		"alter a group":   func(who auth.Identity) error { return errOf(w.Groups.Update(ctx, who, "crew", "x")) },
		"delete a group":  func(who auth.Identity) error { return w.Groups.Delete(ctx, who, "crew") },
		"explain a job":   func(who auth.Identity) error { return errOf(w.ExplainJob(ctx, who, password)) },
		"make a key":      func(who auth.Identity) error { return errOf(w.Keys.Create(ctx, who, "bob")) },
		"rotate a key":    func(who auth.Identity) error { return errOf(w.Keys.Rotate(ctx, who, "adm")) },
		"see a key":       func(who auth.Identity) error { return errOf(w.Keys.Get(ctx, who, "adm")) },
		"show a key":      func(who auth.Identity) error { return errOf(w.Keys.Show(ctx, who, "adm")) },
		"revoke a key":    func(who auth.Identity) error { return w.Keys.Revoke(ctx, who, "adm") },
		"revoke all keys": func(who auth.Identity) error { return w.Keys.RevokeAll(ctx, who) },
		"password":        func(who auth.Identity) error { return w.Passwords.Change(ctx, who, "bob", auth.Secret{}, password) },
		"own password": func(who auth.Identity) error {
			return w.Passwords.Change(ctx, who, "adm", auth.NewSecret(rightPassword), password)
		},
		"expire":     func(who auth.Identity) error { return w.Passwords.Expire(ctx, who, "bob") },
		"unexpire":   func(who auth.Identity) error { return w.Passwords.Unexpire(ctx, who, "bob") },
		"reset link": func(who auth.Identity) error { return errOf(w.Passwords.ResetLink(ctx, who, "bob")) },
		"unlock": func(who auth.Identity) error {
			return errOf(w.Sessions.Unlock(ctx, who, auth.NewSecret(rightPassword)))
		},
		"lock":             func(who auth.Identity) error { return w.Sessions.Lock(ctx, who) },
		"end":              func(who auth.Identity) error { return w.Sessions.End(ctx, who) },
		"list sessions":    func(who auth.Identity) error { return errOf(w.Sessions.List(ctx, who, "adm")) },
		"end a session":    func(who auth.Identity) error { return w.Sessions.Revoke(ctx, who, session.ID) },
		"end all sessions": func(who auth.Identity) error { return w.Sessions.RevokeAll(ctx, who, "adm") },
		"unlock through": func(who auth.Identity) error {
			return errOf(w.Sessions.UnlockThrough(ctx, who, auth.Attempt{Purpose: auth.ToUnlock, Session: who.Via.ID, Begun: w.clock.Now()}, atCorp("1")))
		},
		"register a key": func(who auth.Identity) error {
			return errOf(w.SSHKeys.Create(ctx, who, auth.NewSSHKey{Line: line(newSSHKey(t))}))
		},
		"list SSH keys":     func(who auth.Identity) error { return errOf(w.SSHKeys.List(ctx, who, "adm")) },
		"delete an SSH key": func(who auth.Identity) error { return w.SSHKeys.Delete(ctx, who, ssh.ID) },
		"clear guesses":     func(who auth.Identity) error { return w.Users.ClearGuesses(ctx, who, "bob") },
		"throttled":         func(who auth.Identity) error { return errOf(w.Users.Throttled(ctx, who)) },
		"revoke a token":    func(who auth.Identity) error { return w.Tokens.Revoke(ctx, who, mine.ID) },
		"ended tokens":      func(who auth.Identity) error { return errOf(w.Tokens.Ended(ctx, who, "adm")) },
		"all tokens":        func(who auth.Identity) error { return errOf(w.Tokens.ListAll(ctx, who, auth.TokenFilter{})) },
		"list tokens":       func(who auth.Identity) error { return errOf(w.Tokens.List(ctx, who, "adm")) },
		"see a token":       func(who auth.Identity) error { return errOf(w.Tokens.Get(ctx, who, mine.ID)) },
		"rotate a token":    func(who auth.Identity) error { return errOf(w.Tokens.Rotate(ctx, who, mine.ID)) },
		"replace a token":   func(who auth.Identity) error { return errOf(w.Tokens.Replace(ctx, who, mine.ID, time.Minute)) },
		"make a token": func(who auth.Identity) error {
			return errOf(w.Tokens.Create(ctx, who, auth.NewToken{Life: time.Minute}))
		},
		"list upstreams":   func(who auth.Identity) error { return errOf(w.Upstreams.List(ctx, who, "adm")) },
		"set an upstream":  func(who auth.Identity) error { return errOf(w.Upstreams.Set(ctx, who, "adm", "u", "n", password)) },
		"test an upstream": func(who auth.Identity) error { return errOf(w.Upstreams.Test(ctx, who, "adm", "u", "n", password)) },
		"drop an upstream": func(who auth.Identity) error { return w.Upstreams.Delete(ctx, who, "adm", "u") },
		"alter a user": func(who auth.Identity) error {
			return errOf(w.Users.Update(ctx, who, "adm", auth.UserChange{DisplayName: pointTo("x")}))
		},
		"list users": func(who auth.Identity) error { return errOf2(w.Users.List(ctx, who, auth.Query{})) },
		"make a user": func(who auth.Identity) error {
			return errOf(w.Users.Create(ctx, who, auth.NewUser{Name: "new", Email: "n@example.com"}))
		},
		"see a user":      func(who auth.Identity) error { return errOf(w.Users.Get(ctx, who, "adm")) },
		"disable":         func(who auth.Identity) error { return w.Users.Disable(ctx, who, "bob") },
		"enable":          func(who auth.Identity) error { return w.Users.Enable(ctx, who, "bob") },
		"delete":          func(who auth.Identity) error { return w.Users.Delete(ctx, who, "bob") },
		"see a web login": func(who auth.Identity) error { return errOf(w.WebLogins.Show(ctx, who, waitID)) },
		"approve":         func(who auth.Identity) error { return w.WebLogins.Approve(ctx, who, waitID, waitID[len(waitID)-4:]) },
		"refuse":          func(who auth.Identity) error { return w.WebLogins.Refuse(ctx, who, waitID) },
	} {
		for by, who := range map[string]auth.Identity{"token": who, "what it made": short} {
			if err := do(who); auth.CodeOf(err) != auth.Forbidden {
				t.Errorf("%s by %s: %v", what, by, err)
			}
		}
	}
	if !w.holds(key) || !w.holds(bearer(mine.JWT)) || fmt.Sprint(w.who(p).Groups) != "[]" {
		t.Error("something was changed")
	}
}
