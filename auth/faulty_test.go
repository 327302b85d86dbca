package auth_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// Grant last, un-grant first: whichever write of a call fails, and whether or
// not the store took it, no credential works that its owner does not see, and
// nothing works that was said to have ended.

// scene is a store in which one call is about to be made.
type scene struct {
	*world
	faulty *storetest.Faulty

	alice auth.Identity
	// before are the credentials that were there; their names are for errors.
	before map[string]auth.Proof
	// got collects the secrets that the call handed out.
	got     []auth.Proof
	ids     map[string]string
	refresh auth.Secret
}

// call is one method under faults.
type call struct {
	name string
	do   func(s *scene) error
	// ends names what must be dead once the call has succeeded.
	ends []string
	// again are the codes that repeating the call after a failure may have,
	// beside success: where the failed one was done after all.
	again auth.Code
}

// crowd is the store that every scene begins with, and its secrets.
type crowd struct {
	store  keystore.Store
	at     time.Time
	alice  auth.Identity
	proofs map[string]auth.Proof
	ids    map[string]string

	refresh auth.Secret // of the token "renewable"
}

const approvedID = "5e0c1ad0-1111-4222-8333-444455556666"

func newCrowd(t *testing.T) *crowd {
	w := newWorld(t)
	w.group("crew")
	w.user("alice", withPassword, inGroups("crew"))
	alice := w.who(password("alice"))
	c := &crowd{store: w.store, at: w.clock.Now(), alice: alice, proofs: map[string]auth.Proof{}, ids: map[string]string{}}
	c.proofs["api key"] = w.apiKey(w.admin, "alice")
	tok := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true})
	c.proofs["token"], c.proofs["reference"], c.ids["token"] = bearer(tok.JWT), bearer(tok.Reference), tok.ID
	renewable := w.token(w.admin, auth.NewToken{Owner: "alice", Reference: true, Refreshable: true})
	c.proofs["renewable"], c.ids["renewable"], c.refresh = bearer(renewable.JWT), renewable.ID, renewable.Refresh
	key, info := w.sshKey(w.admin, "alice", time.Time{})
	c.proofs["ssh key"], c.ids["ssh key"] = key, info.ID
	session, sinfo := w.session("alice", true)
	c.proofs["session"], c.ids["session"] = session, sinfo.ID
	w.wait(waitID)
	w.wait(approvedID)
	must(t, w.WebLogins.Approve(t.Context(), w.who(session), approvedID, "6666"))
	grant := w.grant(w.who(key), lfs)
	c.proofs["grant"], c.ids["grant"] = grant, w.who(grant).Via.ID
	encrypted, err := w.Passwords.Encrypted(t.Context(), alice)
	must(t, err)
	c.proofs["encrypted"] = auth.EncryptedPassword{User: "alice", Secret: encrypted}
	w.user("bob")
	return c
}

func (c *crowd) scene(t *testing.T) *scene {
	t.Helper()
	clock := storetest.NewClock()
	clock.Advance(c.at.Sub(clock.Now()))
	store := storetest.NewMemory(clock.Now)
	copyStore(t, c.store, store)
	faulty := storetest.NewFaulty(store)
	return &scene{world: worldOver(t, faulty, clock), faulty: faulty, alice: c.alice, before: maps.Clone(c.proofs), ids: c.ids, refresh: c.refresh}
}

// seen reports whether the owner's lists show the credential behind who.
func (s *scene) seen(who auth.Identity) bool {
	ctx := s.t.Context()
	switch who.Via.Kind {
	case auth.KindAPIKey:
		item, err := s.store.Get(ctx, "apikey/alice")
		return err == nil && strings.Contains(string(item.Value), `"hash":"`+who.Via.ID)
	case auth.KindToken:
		list, err := s.Tokens.List(ctx, s.admin, "alice")
		must(s.t, err)
		for _, tok := range list {
			if tok.ID == who.Via.ID {
				return true
			}
		}
		return false
	case auth.KindSSHKey:
		list, err := s.SSHKeys.List(ctx, s.admin, "alice")
		must(s.t, err)
		for _, key := range list {
			if key.ID == who.Via.ID {
				return true
			}
		}
		return false
	case auth.KindSession:
		list, err := s.Sessions.List(ctx, s.admin, "alice")
		must(s.t, err)
		for _, session := range list {
			if session.ID == who.Via.ID {
				return true
			}
		}
		return false
	}
	return true
}

func calls() []call {
	quick := auth.NewSecret("another long and quite new one")
	return []call{
		{name: "API key: create", again: auth.Exists, do: func(s *scene) error {
			key, err := s.Keys.Create(s.t.Context(), s.alice, "alice")
			s.take(err, auth.APIKey{Secret: key.Secret})
			return err
		}},
		{name: "API key: rotate", ends: []string{"api key"}, do: func(s *scene) error {
			key, err := s.Keys.Rotate(s.t.Context(), s.alice, "alice")
			s.take(err, auth.APIKey{Secret: key.Secret})
			return err
		}},
		{name: "API key: revoke", ends: []string{"api key"}, again: auth.NotFound, do: func(s *scene) error {
			return s.Keys.Revoke(s.t.Context(), s.alice, "alice")
		}},
		{name: "API key: revoke all", ends: []string{"api key"}, do: func(s *scene) error {
			return s.Keys.RevokeAll(s.t.Context(), s.admin)
		}},
		{name: "token: create", do: func(s *scene) error {
			tok, err := s.Tokens.Create(s.t.Context(), s.alice, auth.NewToken{Reference: true})
			s.take(err, bearer(tok.JWT), bearer(tok.Reference))
			return err
		}},
		{name: "token: rotate", ends: []string{"token", "reference"}, again: auth.NotFound, do: func(s *scene) error {
			tok, err := s.Tokens.Rotate(s.t.Context(), s.alice, s.ids["token"])
			s.take(err, bearer(tok.JWT), bearer(tok.Reference))
			return err
		}},
		{name: "token: replace", again: auth.Exists, do: func(s *scene) error {
			tok, err := s.Tokens.Replace(s.t.Context(), s.alice, s.ids["token"], time.Hour)
			s.take(err, bearer(tok.JWT), bearer(tok.Reference))
			return err
		}},
		{name: "token: revoke", ends: []string{"token", "reference"}, again: auth.NotFound, do: func(s *scene) error {
			return s.Tokens.Revoke(s.t.Context(), s.alice, s.ids["token"])
		}},
		{name: "token: create with a refresh token", do: func(s *scene) error {
			tok, err := s.Tokens.Create(s.t.Context(), s.alice, auth.NewToken{Reference: true, Refreshable: true})
			s.take(err, bearer(tok.JWT), bearer(tok.Reference))
			return err
		}},
		{name: "token: refresh", do: func(s *scene) error { // a failed one is repeated with the same refresh token
			tok, err := s.world.refresh(s.refresh)
			s.take(err, bearer(tok.JWT), bearer(tok.Reference))
			return err
		}},
		{name: "token: replay", again: auth.Unauthenticated, ends: []string{"renewable", "renewed"}, do: func(s *scene) error {
			first, err := s.world.refresh(s.refresh)
			if err == nil {
				var second auth.Token
				if second, err = s.world.refresh(first.Refresh); err == nil {
					s.before["renewed"] = bearer(second.JWT)
				}
			}
			if err == nil {
				_, err = s.world.refresh(s.refresh)
			}
			if auth.CodeOf(err) == auth.Unauthenticated { // as it should be
				return nil
			}
			return err
		}},
		{name: "token: revoke what can be renewed", ends: []string{"renewable"}, again: auth.NotFound, do: func(s *scene) error {
			err := s.Tokens.Revoke(s.t.Context(), s.alice, s.ids["renewable"])
			if err == nil {
				wantCode(s.t, "refresh after the end", errOf(s.world.refresh(s.refresh)), auth.Unauthenticated)
			}
			return err
		}},
		{name: "job: exchange", do: func(s *scene) error {
			s.SetJobs(&desk{job: auth.Job{Provider: "ci", Mapping: "m", User: "alice", Life: time.Hour}})
			tok, err := s.Tokens.Exchange(s.t.Context(), home, auth.JobRequest{Token: auth.NewSecret("its own"), Reference: true})
			s.take(err, bearer(tok.JWT), bearer(tok.Reference))
			return err
		}},
		{name: "web login: begin", again: auth.Exists, do: func(s *scene) error {
			return s.WebLogins.Begin(s.t.Context(), terminal, auth.NewWebLogin{ID: strings.Replace(waitID, "0c2a", "0c2b", 1)})
		}},
		{name: "web login: approve", again: auth.NotFound, do: func(s *scene) error {
			who, err := s.Identify(s.t.Context(), home, s.before["session"])
			if err == nil {
				err = s.WebLogins.Approve(s.t.Context(), who, waitID, "c0de")
			}
			if err != nil {
				return err
			}
			tok, _, err := s.WebLogins.Take(s.t.Context(), terminal, waitID)
			s.take(err, bearer(tok.JWT))
			return err
		}},
		{name: "web login: take", again: auth.NotFound, do: func(s *scene) error {
			tok, _, err := s.WebLogins.Take(s.t.Context(), terminal, approvedID)
			s.take(err, bearer(tok.JWT))
			return err
		}},
		{name: "password: expire", do: func(s *scene) error {
			return s.Passwords.Expire(s.t.Context(), s.admin, "alice")
		}},
		{name: "grant: revoke", ends: []string{"grant"}, do: func(s *scene) error {
			return s.Tokens.Revoke(s.t.Context(), s.admin, s.ids["grant"])
		}},
		{name: "SSH key: create", again: auth.Exists, do: func(s *scene) error {
			key := s.fixedKey()
			_, err := s.SSHKeys.Create(s.t.Context(), s.alice, auth.NewSSHKey{Line: line(key.Key)})
			s.take(err, key)
			return err
		}},
		{name: "SSH key: delete", ends: []string{"ssh key", "grant"}, again: auth.NotFound, do: func(s *scene) error {
			return s.SSHKeys.Delete(s.t.Context(), s.alice, s.ids["ssh key"])
		}},
		{name: "session: sign in", do: func(s *scene) error {
			secret, _, err := s.Sessions.SignIn(s.t.Context(), home, "alice", auth.NewSecret(rightPassword), false)
			s.take(err, auth.Session{Secret: secret})
			return err
		}},
		{name: "session: revoke", ends: []string{"session"}, again: auth.NotFound, do: func(s *scene) error {
			return s.Sessions.Revoke(s.t.Context(), s.alice, s.ids["session"])
		}},
		{name: "session: revoke all", ends: []string{"session"}, do: func(s *scene) error {
			return s.Sessions.RevokeAll(s.t.Context(), s.alice, "alice")
		}},
		{name: "password: change", ends: []string{"session", "encrypted"}, do: func(s *scene) error {
			return s.Passwords.Change(s.t.Context(), s.admin, "alice", auth.Secret{}, quick)
		}},
		{name: "user: disable", ends: []string{"token", "reference", "api key", "ssh key", "session", "grant", "encrypted"}, do: func(s *scene) error {
			return s.Users.Disable(s.t.Context(), s.admin, "alice")
		}},
		{name: "user: delete", ends: []string{"token", "reference", "api key", "ssh key", "session", "grant", "encrypted"}, again: auth.NotFound, do: func(s *scene) error {
			return s.Users.Delete(s.t.Context(), s.admin, "alice")
		}},
		{name: "user: create", again: auth.Exists, do: func(s *scene) error {
			return errOf(s.Users.Create(s.t.Context(), s.admin, auth.NewUser{Name: "carol", Email: "carol@example.com"}))
		}},
		{name: "user: update", do: func(s *scene) error {
			return errOf(s.Users.Update(s.t.Context(), s.admin, "alice", auth.UserChange{Groups: &[]string{}}))
		}},
		{name: "group: create", again: auth.Exists, do: func(s *scene) error {
			return errOf(s.Groups.Create(s.t.Context(), s.admin, "new", ""))
		}},
		{name: "group: delete", again: auth.NotFound, do: func(s *scene) error {
			return s.Groups.Delete(s.t.Context(), s.admin, "crew")
		}},
	}
}

// take keeps what a call handed out, which must be nothing when it failed.
func (s *scene) take(err error, proofs ...auth.Proof) {
	for _, p := range proofs {
		var secret auth.Secret
		switch p := p.(type) {
		case auth.APIKey:
			secret = p.Secret
		case auth.Bearer:
			secret = p.Secret
		case auth.Session:
			secret = p.Secret
		default:
			s.got = append(s.got, p)
			continue
		}
		if err != nil && !secret.Empty() {
			s.t.Errorf("a secret was handed out with the error %v", err)
		}
		if err == nil {
			s.got = append(s.got, p)
		}
	}
}

// fixedKey is the same key at every call of one scene.
func (s *scene) fixedKey() auth.SSHKey {
	for _, p := range s.got {
		if key, ok := p.(auth.SSHKey); ok {
			return key
		}
	}
	return auth.SSHKey{Key: newSSHKey(s.t)}
}

func TestEveryWriteMayFail(t *testing.T) {
	c := newCrowd(t)
	for _, call := range calls() {
		t.Run(call.name, func(t *testing.T) {
			for _, mode := range []storetest.Mode{storetest.NotPersisted, storetest.Persisted} {
				for n := 1; ; n++ {
					s := c.scene(t)
					if call.name == "API key: create" {
						must(t, s.Keys.Revoke(t.Context(), s.admin, "alice"))
					}
					writes := s.faulty.Writes()
					s.faulty.FailWrite(n, mode)
					err := call.do(s)
					if s.faulty.Writes()-writes < n { // the call has fewer writes
						must(t, err)
						s.ended(call)
						s.unseen()
						break
					}
					s.faulty.Heal()
					if err != nil {
						wantCode(t, fmt.Sprintf("write %d, mode %d", n, mode), err, auth.Unavailable)
					} else {
						s.ended(call) // it was well in spite of that
					}
					// After a restart, so that nothing rests on the process.
					s.Authority = s.again().Authority
					s.unseen()
					if err == nil {
						continue
					}
					again := call.do(s)
					if again != nil && auth.CodeOf(again) != call.again {
						t.Errorf("write %d, mode %d: repeated: %v", n, mode, again)
					}
					s.ended(call)
					s.unseen()
				}
			}
		})
	}
}

// ended: nothing works that was said to have ended.
func (s *scene) ended(c call) {
	s.t.Helper()
	for _, name := range c.ends {
		if s.holds(s.before[name]) {
			s.t.Errorf("%s works after its end was acknowledged", name)
		}
	}
}

// unseen: nothing works that its owner does not see.
func (s *scene) unseen() {
	s.t.Helper()
	for name, p := range s.before {
		if s.holds(p) && !s.seen(s.who(p)) {
			s.t.Errorf("%s works and its owner does not see it", name)
		}
	}
	for _, p := range s.got {
		if s.holds(p) && !s.seen(s.who(p)) {
			s.t.Errorf("a %T that was handed out works and its owner does not see it", p)
		}
	}
}

// When the store does not answer, nobody is let in and nobody is logged out.
func TestAStoreWithoutAnswerIsNoAnswer(t *testing.T) {
	c := newCrowd(t)
	any := func(storetest.Op, string) bool { return true }
	t.Run("no kind of proof", func(t *testing.T) {
		for name, p := range c.proofs {
			s := c.scene(t)
			reads := 0
			for n := 1; ; n++ { // the nth read fails
				s.Authority = s.again().Authority
				left := n
				s.faulty.FailWhere(storetest.NotPersisted, func(op storetest.Op, _ string) bool {
					if op == storetest.OpGet {
						left--
					}
					return op == storetest.OpGet && left == 0
				})
				who, err := s.Identify(t.Context(), home, p)
				s.faulty.Heal()
				if left > 0 {
					must(t, err)
					break
				}
				reads++
				if who.Known() {
					t.Errorf("%s: identified as %s though read %d failed", name, who.User, n)
				}
				wantCode(t, fmt.Sprintf("%s: read %d", name, n), err, auth.Unavailable)
			}
			if reads == 0 {
				t.Errorf("%s is good without a read", name)
			}
		}
		s := c.scene(t)
		s.faulty.FailWhere(storetest.NotPersisted, any)
		for _, user := range []string{"alice", "nobody"} {
			_, err := s.Identify(t.Context(), home, password(user))
			wantCode(t, "password of "+user, err, auth.Unavailable)
		}
		wantCode(t, "ready", s.Ready(t.Context()), auth.Unavailable)
		s.faulty.Heal()
		if err := s.Ready(t.Context()); err != nil || !s.holds(password("alice")) {
			t.Errorf("it did not recover: %v", err)
		}
	})
	t.Run("no act", func(t *testing.T) {
		for _, call := range calls() {
			s := c.scene(t)
			s.faulty.FailWhere(storetest.NotPersisted, any)
			wantCode(t, call.name, call.do(s), auth.Unavailable)
		}
	})
	t.Run("no list", func(t *testing.T) {
		s := c.scene(t)
		s.faulty.FailWhere(storetest.NotPersisted, any)
		ctx := t.Context()
		for name, err := range map[string]error{
			"tokens":   errOf(s.Tokens.List(ctx, s.alice, "alice")),
			"token":    errOf(s.Tokens.Get(ctx, s.alice, s.ids["token"])),
			"SSH keys": errOf(s.SSHKeys.List(ctx, s.alice, "alice")),
			"sessions": errOf(s.Sessions.List(ctx, s.alice, "alice")),
			"API key":  errOf(s.Keys.Show(ctx, s.alice, "alice")),
			"user":     errOf(s.Users.Get(ctx, s.alice, "alice")),
			"users":    errOf2(s.Users.List(ctx, s.admin, auth.Query{})),
			"groups":   errOf(s.Groups.List(ctx, s.admin)),
			"group":    errOf(s.Groups.Get(ctx, s.admin, "crew")),
			"recheck":  s.Recheck(ctx, s.alice),
		} {
			wantCode(t, name, err, auth.Unavailable)
		}
		if _, err := s.SSHKeys.Registered(ctx, newSSHKey(t)); auth.CodeOf(err) != auth.Unavailable {
			t.Errorf("registered: %v", err)
		}
	})
	t.Run("a stalled store is refused in time", func(t *testing.T) {
		s := c.scene(t)
		s.faulty.FailWhere(storetest.Stalled, any)
		begun := time.Now()
		_, err := s.Identify(t.Context(), home, c.proofs["api key"])
		wantCode(t, "identify", err, auth.Unavailable)
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
