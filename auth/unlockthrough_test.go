package auth_test

import (
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

func TestUnlockBySigningInAgain(t *testing.T) {
	w := newWorld(t)
	w.elsewhere()
	ctx := t.Context()
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	w.link("alice", atGHE("1"))
	s, info := w.through(atCorp("1"))
	_, other := w.through(atCorp("1"))
	who := w.who(s)
	now := w.clock.Now()
	attempt := auth.Attempt{Purpose: auth.ToUnlock, Session: info.ID, Begun: now}
	at := func(d time.Duration) func(*auth.External) {
		return func(e *auth.External) { e.SignedIn = now.Add(d) }
	}
	unlock := func(a auth.Attempt, ext auth.External) error {
		return errOf(w.Sessions.UnlockThrough(ctx, who, a, ext))
	}
	err := errOf(w.Sessions.Unlock(ctx, who, auth.NewSecret(rightPassword)))
	wantCode(t, "by password", err, auth.Forbidden)
	wantCode(t, "not told when", unlock(attempt, atCorp("1")), auth.Forbidden)
	wantCode(t, "signed in before", unlock(attempt, atCorp("1", at(-61*time.Second))), auth.Forbidden)
	wantCode(t, "signed in tomorrow", unlock(attempt, atCorp("1", at(2*time.Minute))), auth.Forbidden)
	wantCode(t, "as somebody else", unlock(attempt, atCorp("2", at(0))), auth.Forbidden)
	ghe1 := atGHE("1")
	ghe1.SignedIn = now
	wantCode(t, "at another provider", unlock(attempt, ghe1), auth.Forbidden)
	wantCode(t, "the issuer of another", unlock(attempt, auth.External{Provider: "corp", Issuer: gheIssuer, Subject: "1", SignedIn: now}), auth.Forbidden)
	for what, a := range map[string]auth.Attempt{
		"another session's":   {Purpose: auth.ToUnlock, Session: other.ID, Begun: now},
		"no session's":        {Purpose: auth.ToUnlock, Begun: now},
		"to bind":             {Purpose: auth.ToBind, Session: info.ID, Begun: now},
		"to sign in":          {Purpose: auth.ToSignIn, Session: info.ID, Begun: now},
		"begun nobody's when": {Purpose: auth.ToUnlock, Session: info.ID},
		"begun tomorrow":      {Purpose: auth.ToUnlock, Session: info.ID, Begun: now.Add(24 * time.Hour)},
	} {
		wantCode(t, what, unlock(a, atCorp("1", at(0))), auth.Forbidden)
	}
	if who := w.who(s); who.Full(w.clock.Now()) {
		t.Error("it is open")
	}
	got, err := w.Sessions.UnlockThrough(ctx, who, attempt, atCorp("1", at(-30*time.Second)))
	if err != nil || got.UnlockedUntil.Sub(w.clock.Now()).Round(time.Second) != 10*time.Minute || got.ID != info.ID || !got.Current {
		t.Errorf("%+v, %v", got, err)
	}
	if !w.who(s).Full(w.clock.Now()) {
		t.Error("it is locked")
	}
	must(t, w.Sessions.Lock(ctx, w.who(s)))
	// A session begun with the password is unlocked with it alone.
	p, pinfo := w.session("alice", false)
	attempt.Session = pinfo.ID
	wantCode(t, "a session of no provider", errOf(w.Sessions.UnlockThrough(ctx, w.who(p), attempt, atCorp("1", at(0)))), auth.Forbidden)
	// Unlinked meanwhile.
	attempt.Session = info.ID
	list, err := w.Bindings.List(ctx, w.admin, "alice")
	must(t, err)
	must(t, w.Bindings.Delete(ctx, w.admin, list[0].ID))
	wantCode(t, "unlinked", unlock(attempt, atCorp("1", at(0))), auth.Unauthenticated)
}

func TestUnlockAsTheProviderSays(t *testing.T) {
	w := newWorld(t)
	e := w.elsewhere()
	ctx := t.Context()
	w.user("alice", withPassword)
	w.link("alice", atCorp("1"))
	s, info := w.through(atCorp("1"))
	by := func(u auth.UnlockBy) {
		w.SetProviders([]auth.Provider{corp(func(p *auth.Provider) { p.Unlock = u })}, e)
	}
	by(auth.UnlockByPassword)
	if who := w.who(s); !who.Unlockable || who.UnlockBy != auth.UnlockByPassword || who.Full(w.clock.Now()) {
		t.Errorf("%+v", who)
	}
	attempt := auth.Attempt{Purpose: auth.ToUnlock, Session: info.ID, Begun: w.clock.Now()}
	fresh := atCorp("1")
	fresh.SignedIn = w.clock.Now()
	wantCode(t, "again where the password is asked for", errOf(w.Sessions.UnlockThrough(ctx, w.who(s), attempt, fresh)), auth.Forbidden)
	must(t, errOf(w.Sessions.Unlock(ctx, w.who(s), auth.NewSecret(rightPassword))))
	must(t, w.Sessions.Lock(ctx, w.who(s)))
	by(auth.UnlockOpen)
	who := w.who(s)
	if !who.Full(w.clock.Now()) || who.Unlockable || !who.UnlockedUntil.After(w.clock.Now().Add(24*time.Hour)) {
		t.Errorf("%+v", who)
	}
	list, err := w.Sessions.List(ctx, who, "alice")
	if err != nil || list[0].UnlockedUntil.IsZero() || list[0].Provider != "corp" || list[1].Provider != "" || !list[1].UnlockedUntil.IsZero() && list[1].UnlockedUntil.Equal(list[0].UnlockedUntil) {
		t.Errorf("%+v, %v", list, err)
	}
	must(t, errOf(w.Tokens.Create(ctx, who, auth.NewToken{})))
	by(auth.UnlockAgain)
	if w.who(s).Full(w.clock.Now()) {
		t.Error("it stays open")
	}
	by("")
	if w.who(s).UnlockBy != auth.UnlockByPassword {
		t.Error("no way is another than the password")
	}
}
