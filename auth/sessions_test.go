package auth_test

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

func TestSessionsEnd(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	idle, info := w.session("alice", false)
	if end := info.Expires.Sub(w.clock.Now()); end.Round(time.Minute) != 12*time.Hour || info.Owner != "alice" {
		t.Errorf("%+v", info)
	}
	secret, kept, err := w.Sessions.SignIn(ctx, home, "Alice", auth.NewSecret(rightPassword), true)
	if err != nil || kept.Expires.Sub(w.clock.Now()).Round(time.Minute) != 336*time.Hour {
		t.Errorf("%+v, %v", kept, err)
	}
	remembered := auth.Session{Secret: secret}
	used, _ := w.session("alice", false)

	// In use every ten hours it lasts its week and no longer.
	for range 16 {
		w.clock.Advance(10 * time.Hour)
		if !w.holds(used) {
			t.Fatal("a session in use ended")
		}
		w.FlushUses(ctx)
	}
	if w.holds(idle) || !w.holds(remembered) {
		t.Error("the idle one lives, or the remembered one does not")
	}
	w.clock.Advance(8*time.Hour + time.Minute)
	if w.holds(used) {
		t.Error("a session outlives its absolute end")
	}
	w.clock.Advance(168 * time.Hour)
	if w.holds(remembered) {
		t.Error("a remembered session outlives its end")
	}
	if list, err := w.Sessions.List(ctx, w.admin, "alice"); err != nil || len(list) > 0 {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func TestAProfileIsUnlockedForAWhileInOneSession(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	a, _ := w.session("alice", false)
	b, _ := w.session("alice", false)
	locked := func(p auth.Proof) bool {
		t.Helper()
		err := errOf(w.Passwords.Encrypted(ctx, w.who(p)))
		if code := auth.CodeOf(err); code != "" && code != auth.Locked {
			t.Fatal(err)
		}
		return err != nil
	}
	for what, err := range map[string]error{
		"API key":      errOf(w.Keys.Create(ctx, w.who(a), "alice")),
		"show":         errOf(w.Keys.Show(ctx, w.who(a), "alice")),
		"token":        errOf(w.Tokens.Create(ctx, w.who(a), auth.NewToken{})),
		"SSH key":      errOf(w.SSHKeys.Create(ctx, w.who(a), auth.NewSSHKey{Line: line(newSSHKey(t))})),
		"profile":      errOf(w.Users.Update(ctx, w.who(a), "alice", auth.UserChange{DisplayName: pointTo("x")})),
		"password":     w.Passwords.Change(ctx, w.who(a), "alice", auth.NewSecret(rightPassword), auth.NewSecret("a wholly different one")),
		"end others":   w.Sessions.RevokeAll(ctx, w.who(a), "alice"),
		"revoke a key": w.Keys.Revoke(ctx, w.who(a), "alice"),
	} {
		wantCode(t, what+" while locked", err, auth.Locked)
	}
	wantCode(t, "wrong", errOf(w.Sessions.Unlock(ctx, w.who(a), auth.NewSecret("not the right one at all"))), auth.Invalid, "password")
	wantCode(t, "empty", errOf(w.Sessions.Unlock(ctx, w.who(a), auth.Secret{})), auth.Invalid, "password")
	wantCode(t, "not a session", errOf(w.Sessions.Unlock(ctx, w.who(password("alice")), auth.NewSecret(rightPassword))), auth.Forbidden)
	info, err := w.Sessions.Unlock(ctx, w.who(a), auth.NewSecret(rightPassword))
	if err != nil || info.UnlockedUntil.Sub(w.clock.Now()).Round(time.Second) != 10*time.Minute || !info.Current {
		t.Errorf("%+v, %v", info, err)
	}
	if locked(a) || !locked(b) {
		t.Error("it should be open in this session and in no other")
	}
	w.clock.Advance(10 * time.Minute)
	if !locked(a) {
		t.Error("it is open for longer than promised")
	}
	must(t, errOf(w.Sessions.Unlock(ctx, w.who(a), auth.NewSecret(rightPassword))))
	must(t, w.Sessions.Lock(ctx, w.who(a)))
	if !locked(a) {
		t.Error("it was locked and is open")
	}

	// One's own session ends without unlocking; another's is not there.
	list, err := w.Sessions.List(ctx, w.who(a), "alice")
	if err != nil || len(list) != 2 || list[0].Current || !list[1].Current {
		t.Fatalf("%+v, %v", list, err)
	}
	eve := w.who(w.apiKey(w.admin, "eve"))
	wantCode(t, "another's", w.Sessions.Revoke(ctx, eve, list[0].ID), auth.NotFound)
	wantCode(t, "another's list", errOf(w.Sessions.List(ctx, eve, "alice")), auth.Forbidden)
	must(t, w.Sessions.Revoke(ctx, w.who(a), list[1].ID))
	if w.holds(a) || !w.holds(b) {
		t.Error("the wrong one ended")
	}
	wantCode(t, "of a key", w.Sessions.End(ctx, eve), auth.Forbidden)
}

func TestASessionIsNotBegunWithAKey(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	alice := w.who(password("alice"))
	encrypted, err := w.Passwords.Encrypted(ctx, alice)
	must(t, err)
	for what, secret := range map[string]auth.Secret{
		"API key": w.apiKey(alice, "alice").Secret, "token": w.token(alice, auth.NewToken{}).JWT,
		"encrypted password": encrypted, "nothing": {}, "something else": auth.NewSecret("not the right one at all"),
	} {
		_, _, err := w.Sessions.SignIn(ctx, home, "alice", secret, false)
		wantCode(t, what, err, auth.Unauthenticated)
	}
}

func TestPasswordsAreChanged(t *testing.T) {
	w := newWorld(t, func(c *auth.Config) { c.PasswordChanged = nil })
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	alice, eve := w.who(password("alice")), w.who(password("eve"))
	old, next := auth.NewSecret(rightPassword), auth.NewSecret("a wholly different one")
	for what, c := range map[string]struct {
		old, new auth.Secret
		field    string
	}{
		"wrong old":     {auth.NewSecret("not the right one at all"), next, "old"},
		"no old":        {auth.Secret{}, next, "old"},
		"the same":      {old, old, "new"},
		"short":         {old, auth.NewSecret("14 characters."), "new"},
		"one character": {old, auth.NewSecret("aaaaaaaaaaaaaaaaaaaa"), "new"},
		"the name":      {old, auth.NewSecret("AliceAliceAlice"), "new"},
		"not text":      {old, auth.NewSecret("\xff\xfe345678901234567"), "new"},
		"zero byte":     {old, auth.NewSecret("0123456789\x00123456789"), "new"},
		"an API key":    {old, w.apiKey(w.admin, "eve").Secret, "new"},
	} {
		wantCode(t, what, w.Passwords.Change(ctx, alice, "alice", c.old, c.new), auth.Invalid, c.field)
		must(t, forget(w.Keys.Revoke(ctx, w.admin, "eve")))
	}
	wantCode(t, "another's", w.Passwords.Change(ctx, eve, "alice", old, next), auth.Forbidden)
	wantCode(t, "nobody's", w.Passwords.Change(ctx, w.admin, "nobody", auth.Secret{}, next), auth.NotFound)
	wantCode(t, "with a key", w.Passwords.Change(ctx, w.who(w.apiKey(w.admin, "alice")), "alice", old, next), auth.Forbidden)
	w.SetPolicy(auth.Policy{KeepPasswords: true})
	wantCode(t, "by policy", w.Passwords.Change(ctx, alice, "alice", old, next), auth.Forbidden)
	w.SetPolicy(auth.Policy{})
	must(t, w.Passwords.Change(ctx, alice, "alice", old, next))
	if w.holds(password("alice")) || !w.holds(auth.Password{User: "ALICE", Secret: next}) {
		t.Error("the wrong password works")
	}
}

func forget(error) error { return nil }

func TestEncryptionPolicies(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.user("alice", withPassword)
	w.user("eve", withPassword)
	alice := w.who(password("alice"))
	secret, err := w.Passwords.Encrypted(ctx, alice)
	must(t, err)
	p := auth.EncryptedPassword{User: "alice", Secret: secret}
	if !w.holds(p) || w.holds(auth.EncryptedPassword{User: "eve", Secret: secret}) || w.holds(auth.EncryptedPassword{Secret: secret}) {
		t.Error("it is good for its owner alone")
	}
	text := secret.Reveal()
	for i := range text {
		flipped := text[:i] + string("AB"[b2i(text[i] == 'A')]) + text[i+1:]
		if w.holds(auth.EncryptedPassword{User: "alice", Secret: auth.NewSecret(flipped)}) {
			t.Errorf("it is good with character %d changed", i)
		}
	}
	w.SetPolicy(auth.Policy{EncryptedPasswords: auth.EncryptionRequired})
	if w.holds(password("alice")) || !w.holds(p) {
		t.Error("required: clear ones are refused, encrypted ones are not")
	}
	w.session("alice", true)
	w.SetPolicy(auth.Policy{EncryptedPasswords: auth.EncryptionUnsupported})
	wantCode(t, "unsupported", errOf(w.Passwords.Encrypted(ctx, alice)), auth.Unsupported)
	if !w.holds(password("alice")) || w.holds(p) {
		t.Error("unsupported: encrypted ones are refused, clear ones are not")
	}
	w.SetPolicy(auth.Policy{})
	must(t, errOf(w.Users.Update(ctx, w.admin, "alice", auth.UserChange{InternalPasswordDisabled: pointTo(true)})))
	if w.holds(p) || w.holds(password("alice")) {
		t.Error("a switched-off password works")
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// peeping calls peep before each record of a prefix is created.
type peeping struct {
	keystore.Store
	peep func(key string)
}

func (p *peeping) Create(ctx context.Context, item keystore.Item) error {
	if p.peep != nil {
		p.peep(item.Key)
	}
	return p.Store.Create(ctx, item)
}

// Who reads a list while something is being made must not take it off.
func TestWhatIsMadeWhileSomebodyReadsTheListStaysOnIt(t *testing.T) {
	c := storetest.NewClock()
	store := &peeping{Store: storetest.NewMemory(c.Now)}
	w := worldOver(t, store, c)
	ctx := t.Context()
	w.user("alice", withPassword)
	store.peep = func(key string) {
		if len(key) > 20 {
			must(t, errOf(w.Tokens.List(ctx, w.admin, "alice")))
			must(t, errOf(w.Sessions.List(ctx, w.admin, "alice")))
			must(t, errOf(w.SSHKeys.List(ctx, w.admin, "alice")))
		}
	}
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true})
	_, session := w.session("alice", false)
	_, key := w.sshKey(w.admin, "alice", time.Time{})
	store.peep = nil
	if list, err := w.Tokens.List(ctx, w.admin, "alice"); err != nil || len(list) != 1 || list[0].ID != tok.ID {
		t.Errorf("tokens %+v, %v", list, err)
	}
	if list, err := w.Sessions.List(ctx, w.admin, "alice"); err != nil || len(list) != 1 || list[0].ID != session.ID {
		t.Errorf("sessions %+v, %v", list, err)
	}
	if list, err := w.SSHKeys.List(ctx, w.admin, "alice"); err != nil || len(list) != 1 || list[0].ID != key.ID {
		t.Errorf("SSH keys %+v, %v", list, err)
	}
}
