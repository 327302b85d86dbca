package auth_test

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func TestExpiredPasswords(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, name := range []string{"alice", "eve", "robot"} {
		w.user(name, withPassword)
	}
	alice := w.who(password("alice"))
	key := w.apiKey(alice, "alice")
	encrypted, err := w.Passwords.Encrypted(ctx, alice)
	must(t, err)
	browser, _ := w.session("alice", false)

	wantCode(t, "by eve", w.Passwords.Expire(ctx, w.who(password("eve")), "alice"), auth.Forbidden)
	wantCode(t, "of nobody", w.Passwords.Expire(ctx, w.admin, "alice", "nobody"), auth.NotFound)
	w.who(password("alice")) // nothing half-done
	must(t, w.Passwords.Expire(ctx, w.admin, "alice"))
	identify := func(p auth.Proof) error { return errOf(w.Identify(ctx, home, p)) }
	wantCode(t, "the password", identify(password("alice")), auth.Expired)
	wantCode(t, "the encrypted password", identify(auth.EncryptedPassword{User: "alice", Secret: encrypted}), auth.Expired)
	wantCode(t, "a wrong one", identify(auth.Password{User: "alice", Secret: auth.NewSecret("not the right one")}), auth.Unauthenticated)
	wantCode(t, "unlock", errOf(w.Sessions.Unlock(ctx, w.who(browser), auth.NewSecret(rightPassword))), auth.Expired)
	_, _, err = w.Sessions.SignIn(ctx, home, "alice", auth.NewSecret(rightPassword), false)
	wantCode(t, "sign in", err, auth.Expired)
	if !w.holds(key) {
		t.Error("the API key ended with it")
	}
	// It may be somebody else who knows it: the trail tells, once, and no place
	// becomes the owner's by it.
	elsewhere := home
	elsewhere.Addr = netip.MustParseAddr("198.51.100.77")
	for range 20 {
		wantCode(t, "from elsewhere", errOf(w.Identify(ctx, elsewhere, password("alice"))), auth.Expired)
	}
	if n := strings.Count(w.trail.String(), `"action":"identify","result":"refused","user":"alice","credential":"password","address":"198.51.100.77"`); n != 1 {
		t.Errorf("the trail tells %d times of the expired password from elsewhere", n)
	}
	for n := 0; ; n++ { // guesses from there are a stranger's
		_, err := w.Identify(ctx, elsewhere, auth.Password{User: "alice", Secret: auth.NewSecret("a guess at it, number " + strconv.Itoa(n))})
		if auth.CodeOf(err) == auth.Throttled {
			break
		}
		if wantCode(t, "a guess", err, auth.Unauthenticated); n > auth.StrangerGuesses {
			t.Fatal("guesses without end")
		}
	}
	wantCode(t, "at home, meanwhile", identify(auth.Password{User: "alice", Secret: auth.NewSecret("a slip of the owner's")}), auth.Unauthenticated)
	if n := w.RecordsOf(ctx, "guess/place/alice/"); n != 1 {
		t.Errorf("%d places of alice's were guessed from, which is one: home", n)
	}
	u, err := w.Users.Get(ctx, w.admin, "alice")
	if err != nil || !u.PasswordExpired || u.LastSignIn.IsZero() {
		t.Errorf("%+v %v", u, err)
	}

	next := auth.NewSecret("a new and longer password")
	wantCode(t, "renew by a wrong one", w.Passwords.Renew(ctx, home, "alice", auth.NewSecret("not the right one"), next), auth.Invalid, "old")
	wantCode(t, "renew for nobody", w.Passwords.Renew(ctx, home, "nobody", auth.NewSecret(rightPassword), next), auth.Invalid, "old")
	wantCode(t, "renew by the encrypted one", w.Passwords.Renew(ctx, home, "alice", encrypted, next), auth.Invalid, "old")
	wantCode(t, "renew by the key", w.Passwords.Renew(ctx, home, "alice", key.Secret, next), auth.Invalid, "old")
	wantCode(t, "to a short one", w.Passwords.Renew(ctx, home, "alice", auth.NewSecret(rightPassword), auth.NewSecret("short")), auth.Invalid, "new")
	wantCode(t, "to the same", w.Passwords.Renew(ctx, home, "alice", auth.NewSecret(rightPassword), auth.NewSecret(rightPassword)), auth.Invalid, "new")
	must(t, w.Passwords.Renew(ctx, home, "Alice", auth.NewSecret(rightPassword), next))
	w.who(auth.Password{User: "alice", Secret: next})

	must(t, w.Passwords.Expire(ctx, w.admin))
	wantCode(t, "everybody's", identify(password("eve")), auth.Expired)
	must(t, w.Passwords.Unexpire(ctx, w.admin, "eve"))
	w.who(password("eve"))
	wantCode(t, "everybody's but hers", identify(password("robot")), auth.Expired)
	must(t, w.Passwords.Unexpire(ctx, w.admin))
	w.who(password("robot"))
}

// Guesses at an old password are paid for as all others.
func TestRenewIsNoWayToGuess(t *testing.T) {
	w := newWorld(t)
	w.user("alice", withPassword)
	var last error
	for i := range 60 {
		last = w.Passwords.Renew(t.Context(), home, "alice", auth.NewSecret("guess number "+strconv.Itoa(i)), auth.NewSecret("whatever it may be"))
	}
	wantCode(t, "the 60th guess", last, auth.Throttled)
}

func TestThrottledAreListed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	for i := range 50 {
		stranger := auth.Peer{Addr: netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), Door: "http"}
		w.Identify(ctx, stranger, auth.Password{User: "alice", Secret: auth.NewSecret("guess number " + strconv.Itoa(i))})
	}
	names, err := w.Users.Throttled(ctx, w.admin)
	if err != nil || !slices.Equal(names, []string{"alice"}) {
		t.Errorf("%v %v", names, err)
	}
	wantCode(t, "by eve", errOf(w.Users.Throttled(ctx, w.who(password("eve")))), auth.Forbidden)
	must(t, w.Users.ClearGuesses(ctx, w.admin, "alice"))
	if names, err = w.Users.Throttled(ctx, w.admin); err != nil || len(names) != 0 {
		t.Errorf("after the budget was given back: %v %v", names, err)
	}
}

func TestUsersWithoutPages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	p, _ := w.session("alice", true)
	held := w.who(p)
	key := w.apiKey(held, "alice")
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{PagesDisabled: pointTo(true)})))
	if w.holds(p) {
		t.Error("the session goes on")
	}
	wantCode(t, "what the session has under way", w.Recheck(ctx, held), auth.Unauthenticated)
	_, _, err := w.Sessions.SignIn(ctx, home, "alice", auth.NewSecret(rightPassword), false)
	wantCode(t, "sign in", err, auth.Unauthenticated)
	if !w.holds(key) || !w.holds(password("alice")) {
		t.Error("what needs no pages ended as well")
	}
	wantCode(t, "by herself", errOf(w.Users.Update(ctx, w.who(password("alice")), "alice", auth.UserChange{PagesDisabled: pointTo(false)})), auth.Forbidden)
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{PagesDisabled: pointTo(false)})))
	if w.holds(p) {
		t.Error("the session came back")
	}
	w.session("alice", false)
	if u := w.user("robot", func(n *auth.NewUser) { n.PagesDisabled = true }); !u.PagesDisabled {
		t.Error("made without")
	}
}

// A password that is switched off has ended like one that was changed: so does
// what stood in for it and what was made with it, and none of that comes back.
func TestPasswordSwitchedOff(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	secret, err := w.Passwords.Encrypted(ctx, alice)
	must(t, err)
	tok := w.token(alice, auth.NewToken{Life: time.Hour, Refreshable: true})
	page, _ := w.session("alice", true)
	alone := w.token(w.who(page), auth.NewToken{Life: time.Hour})
	gone := map[string]auth.Proof{
		"encrypted password": auth.EncryptedPassword{User: "alice", Secret: secret}, "token": bearer(tok.JWT),
		"API key": w.apiKey(alice, "alice"), "session": page,
	}
	none := func(when string) {
		t.Helper()
		for what, p := range gone {
			if w.holds(p) {
				t.Errorf("%s: the %s works", when, what)
			}
		}
		wantCode(t, when+": refresh", errOf(w.refresh(tok.Refresh)), auth.Unauthenticated)
		wantCode(t, when+": what is under way", w.Recheck(ctx, alice), auth.Unauthenticated)
	}
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{InternalPasswordDisabled: pointTo(true)})))
	none("off")
	if w.holds(password("alice")) {
		t.Error("off: the password works")
	}
	if !w.holds(bearer(alone.JWT)) {
		t.Error("what stands alone ended as well")
	}
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{InternalPasswordDisabled: pointTo(false)})))
	none("on again")
	kept := w.token(w.who(password("alice")), auth.NewToken{Life: time.Hour})
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{InternalPasswordDisabled: pointTo(false)})))
	if !w.holds(bearer(kept.JWT)) {
		t.Error("saying that the password is on ended something")
	}
}
