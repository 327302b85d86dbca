package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// address is what the account of alice has.
func (w *world) address(want string) {
	w.t.Helper()
	user, err := w.Users.Get(w.t.Context(), w.admin, "alice")
	must(w.t, err)
	if user.Email != want {
		w.t.Errorf("the address is %s, not %s", user.Email, want)
	}
}

// pending has alice ask for another address.
func (w *world) pending(m *mailbox, who auth.Identity, email string) auth.Secret {
	w.t.Helper()
	pending, err := w.Users.ChangeEmail(w.t.Context(), who, "alice", email)
	if must(w.t, err); !pending {
		w.t.Fatalf("%s counts at once", email)
	}
	l := m.next(w.t, auth.LetterEmailConfirm, email)
	if l.User != "alice" || len(l.Key.Reveal()) != 43 || l.NewEmail != "" {
		w.t.Errorf("letter: %+v", l)
	}
	return l.Key
}

func TestANewAddressIsConfirmed(t *testing.T) {
	for _, b := range backends(t) {
		t.Run(b.name, func(t *testing.T) {
			store, c, _ := b.open(t)
			w := worldOver(t, store, c)
			m := w.sendsMail()
			w.user("alice", withPassword)
			p, _ := w.session("alice", true)
			who := w.who(p)
			key := w.pending(m, who, "new@example.org")
			w.address("alice@example.com")
			email, ends, err := w.Users.PendingEmail(t.Context(), who, "alice")
			if must(t, err); email != "new@example.org" || ends.Sub(c.Now()) > 24*time.Hour || ends.Sub(c.Now()) < 23*time.Hour {
				t.Errorf("waits: %s until %v", email, ends)
			}
			locked, _ := w.session("alice", false)
			must(t, w.Users.ConfirmEmail(t.Context(), w.who(locked), key))
			w.address("new@example.org")
			if l := m.next(t, auth.LetterEmailChanged, "alice@example.com"); l.NewEmail != "new@example.org" || l.User != "alice" {
				t.Errorf("the old address is told %+v", l)
			}
			if email, _, err := w.Users.PendingEmail(t.Context(), who, "alice"); err != nil || email != "" {
				t.Errorf("still waits: %s, %v", email, err)
			}
			wantCode(t, "confirmed twice", w.Users.ConfirmEmail(t.Context(), who, key), auth.NotFound)
			if who := w.who(p); who.Email != "new@example.org" {
				t.Errorf("the caller is told as %s", who.Email)
			}
			m.nothing(t, w)
		})
	}
}

func TestConfirmationsThatEnd(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(w *world, m *mailbox, who auth.Identity)
		live bool
	}{
		"nothing":      {func(*world, *mailbox, auth.Identity) {}, true},
		"almost a day": {func(w *world, _ *mailbox, _ auth.Identity) { w.clock.Advance(24*time.Hour - time.Second) }, true},
		"a day":        {func(w *world, _ *mailbox, _ auth.Identity) { w.clock.Advance(24 * time.Hour) }, false},
		"a newer one":  {func(w *world, m *mailbox, who auth.Identity) { w.pending(m, who, "newer@example.com") }, false},
		"the address of now": {func(w *world, _ *mailbox, who auth.Identity) {
			must(w.t, errOf(w.Users.ChangeEmail(w.t.Context(), who, "alice", "alice@example.com")))
		}, false},
		"the password changed": {func(w *world, m *mailbox, who auth.Identity) {
			must(w.t, w.Passwords.Change(w.t.Context(), who, "alice", auth.NewSecret(rightPassword), newPassword))
			m.next(w.t, auth.LetterPasswordChanged, "alice@example.com")
		}, false},
		"an administrator's change": {func(w *world, m *mailbox, _ auth.Identity) {
			must(w.t, errOf(w.Users.ChangeEmail(w.t.Context(), w.admin, "alice", "admins@example.com")))
			m.next(w.t, auth.LetterEmailChanged, "alice@example.com")
		}, false},
		"the profile fixed": {func(w *world, _ *mailbox, _ auth.Identity) {
			must(w.t, errOf(w.Users.Update(w.t.Context(), w.admin, "alice", auth.UserChange{MayUpdateProfile: pointTo(false)})))
		}, false},
		"disabled and enabled": {func(w *world, _ *mailbox, _ auth.Identity) {
			must(w.t, w.Users.Disable(w.t.Context(), w.admin, "alice"))
			must(w.t, w.Users.Enable(w.t.Context(), w.admin, "alice"))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(c *auth.Config) { c.Policy.SessionIdle, c.Policy.SessionAbsolute = 48*time.Hour, 48*time.Hour })
			m := w.sendsMail()
			w.user("alice", withPassword)
			w.user("bob", withPassword)
			p, _ := w.session("alice", true)
			key := w.pending(m, w.who(p), "new@example.com")
			c.do(w, m, w.who(p))
			other, _ := w.session("bob", true)
			wantCode(t, "somebody else's", w.Users.ConfirmEmail(t.Context(), w.who(other), key), auth.NotFound)
			who := w.maybe(p)
			if !who.Known() { // ended with the rest; the owner signs in anew
				p, _ = w.session("alice", false)
				who = w.who(p)
			}
			err := w.Users.ConfirmEmail(t.Context(), who, key)
			if c.live {
				must(t, err)
				w.address("new@example.com")
				return
			}
			wantCode(t, "confirmed", err, auth.NotFound)
			if user, err := w.Users.Get(t.Context(), w.admin, "alice"); err != nil || user.Email == "new@example.com" {
				t.Errorf("%+v, %v", user, err)
			}
		})
	}
}

// maybe is who p is, or nobody.
func (w *world) maybe(p auth.Proof) auth.Identity {
	w.t.Helper()
	if !w.holds(p) {
		return auth.Identity{}
	}
	return w.who(p)
}

func TestWhoChangesAddresses(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	w.user("fixed", withPassword, func(n *auth.NewUser) { n.ProfileFixed = true })
	w.user("boss", withPassword, asAdmin)
	ask := func(who auth.Identity, name, email string) error {
		return errOf(w.Users.ChangeEmail(t.Context(), who, name, email))
	}
	for _, mail := range []bool{false, true} {
		var m *mailbox
		if mail {
			m = w.sendsMail()
		}
		alice := w.who(password("alice"))
		wantCode(t, "anonymous", ask(auth.Identity{}, "alice", "x@example.com"), auth.Unauthenticated)
		wantCode(t, "another", ask(alice, "boss", "x@example.com"), auth.Forbidden)
		locked, _ := w.session("alice", false)
		wantCode(t, "locked", ask(w.who(locked), "alice", "x@example.com"), auth.Locked)
		wantCode(t, "a token", ask(w.who(bearer(w.token(alice, auth.NewToken{}).JWT)), "alice", "x@example.com"), auth.Forbidden)
		wantCode(t, "a fixed profile", ask(w.who(password("fixed")), "fixed", "x@example.com"), auth.Forbidden)
		wantCode(t, "nobody", ask(w.admin, "nobody", "x@example.com"), auth.NotFound)
		for _, email := range []string{"", "x", "x@example.com\r\nBcc: y@example.com", "X <x@example.com>", "x@example.com, y@example.com", strings.Repeat("x", 250) + "@example.com"} {
			wantCode(t, email, ask(alice, "alice", email), auth.Invalid, "email")
			wantCode(t, email, ask(w.admin, "alice", email), auth.Invalid, "email")
		}
		if mail {
			must(t, ask(w.admin, "alice", "third@example.com"))
			m.next(t, auth.LetterEmailChanged, "second@example.com")
			must(t, errOf(w.Users.Update(t.Context(), w.admin, "alice", auth.UserChange{Email: pointTo("fourth@example.com")})))
			m.next(t, auth.LetterEmailChanged, "third@example.com")
			// An owner's Update changes the rest, and the address waits.
			user, err := w.Users.Update(t.Context(), w.who(password("alice")), "alice", auth.UserChange{Email: pointTo("fifth@example.com"), DisplayName: pointTo("Alice")})
			if must(t, err); user.Email != "fourth@example.com" || user.DisplayName != "Alice" {
				t.Errorf("%+v", user)
			}
			key := m.next(t, auth.LetterEmailConfirm, "fifth@example.com").Key
			wantCode(t, "confirmed without a session", w.Users.ConfirmEmail(t.Context(), w.who(password("alice")), key), auth.Forbidden)
			wantCode(t, "confirmed by nobody", w.Users.ConfirmEmail(t.Context(), auth.Identity{}, key), auth.Unauthenticated)
			wantCode(t, "seen by another", errOf2(w.Users.PendingEmail(t.Context(), w.who(password("fixed")), "alice")), auth.Forbidden)
			m.nothing(t, w)
		} else {
			must(t, ask(alice, "alice", "first@example.com"))
			w.address("first@example.com")
			must(t, ask(w.admin, "alice", "second@example.com"))
			w.address("second@example.com")
		}
	}
}

// Nobody has letters sent to strangers without end, nor writes in them.
func TestLettersToNewAddressesAreBounded(t *testing.T) {
	w := newWorld(t)
	m := w.sendsMail()
	w.user("alice", withPassword, func(n *auth.NewUser) { n.DisplayName = "You have won! See evil.example" })
	who := w.who(password("alice"))
	for range 5 {
		w.pending(m, who, "victim@example.com")
	}
	_, err := w.Users.ChangeEmail(t.Context(), who, "alice", "victim@example.com")
	wantCode(t, "the sixth", err, auth.Throttled)
	m.nothing(t, w)
	w.clock.Advance(time.Hour)
	w.pending(m, w.who(password("alice")), "victim@example.com")
}
