package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Sessions keeps the browsers' sessions.
type Sessions struct {
	a     *Authority
	shelf shelf[sessionRecord]
}

// SessionInfo is a session as its owner and administrators see it.
type SessionInfo struct {
	ID            string    `json:"id"`
	Owner         string    `json:"owner"`
	Created       time.Time `json:"created"`
	Expires       time.Time `json:"expires"`
	LastUsed      Use       `json:"last_used,omitzero"`
	UnlockedUntil time.Time `json:"unlocked_until,omitzero"`
	Provider      string    `json:"provider,omitempty"` // that it was begun through; empty: with the password
	Current       bool      `json:"current,omitempty"`  // the one that the caller came with
}

const (
	sessionBytes  = 32
	sessionLength = 43 // base64url of them
	maxSessionsOf = 200
)

// sessionRecord is live. Its bond's Expires is the end for lack of use. One
// that was begun through a provider hangs on the linked account.
type sessionRecord struct {
	bond
	Provider string        `json:"provider,omitempty"`
	Issuer   string        `json:"issuer,omitempty"`
	Unlocked time.Time     `json:"unlocked,omitzero"` // open until
	End      time.Time     `json:"end"`               // whatever happens
	Idle     time.Duration `json:"idle"`
}

// info tells of the session id, by the configuration in force.
func (s *Sessions) info(r sessionRecord, id string, who Identity) SessionInfo {
	out := SessionInfo{
		ID: id, Owner: r.User, Created: r.Created, Expires: r.Expires, UnlockedUntil: r.Unlocked, Provider: r.Provider,
		Current: who.Via.Kind == KindSession && who.Via.ref == id,
	}
	if p, ok := s.provider(r); ok {
		out.Provider = p.Name
		if p.Unlock == UnlockOpen {
			out.UnlockedUntil = r.End
		}
	}
	return out
}

// provider is whom a session was begun through, as the configuration in force
// has it.
func (s *Sessions) provider(r sessionRecord) (Provider, bool) {
	if r.Provider == "" {
		return Provider{}, false
	}
	return s.a.vouching(r.Provider, r.Issuer)
}

func (a *Authority) bySession(ctx context.Context, v *view, p Session) (found, error) {
	hash := a.ring().LookupID(lookupSession, p.Secret.Reveal())
	rec, err := look(ctx, v, a.rec.sessions, hash)
	if gone(err) {
		return found{}, unauthenticated("unknown or ended session")
	} else if err != nil {
		return found{}, storeFailed(err)
	}
	f, err := a.bonded(ctx, v, KindSession, rec.bond, "")
	if err != nil {
		return found{}, err
	}
	if f.acc.PagesDisabled {
		return nobody(rec.User, f.acc), unauthenticated("the account has no pages")
	}
	f.via = Via{Kind: KindSession, ID: hash, Parents: rec.Parents, ref: hash}
	f.scopes = UserScope
	f.unlocked, f.unlockable = rec.Unlocked, f.acc.mayUsePassword()
	if p, ok := a.Sessions.provider(rec); ok {
		f.provider, f.unlockBy = p.Name, p.Unlock
		f.unlockable = f.unlockable && p.Unlock == UnlockByPassword
		if p.Unlock == UnlockOpen {
			f.unlocked = rec.End
		}
	}
	return f, nil
}

// extendSession moves the end for lack of use of the session that a noted use
// names; other kinds of credentials have none.
func (a *Authority) extendSession(ctx context.Context, key useKey, at time.Time) error {
	if key.kind != KindSession {
		return nil
	}
	_, err := a.rec.sessions.Update(ctx, key.ref, func(r *sessionRecord, expires *time.Time) error {
		next := at.Add(r.Idle)
		if next.After(r.End) {
			next = r.End
		}
		if next.Sub(r.Expires) < min(touchEvery, r.Idle)/4 {
			return keystore.ErrSkip
		}
		r.Expires, *expires = next, next
		return nil
	})
	if gone(err) {
		return nil
	}
	return err
}

// Unlock opens the profile to this session for Policy.UnlockFor, by the
// user's password; Forbidden for a session whose provider has another way. A
// wrong one counts as any guess and is of code Invalid, field "password".
func (s *Sessions) Unlock(ctx context.Context, who Identity, password Secret) (info SessionInfo, err error) {
	defer func() { s.a.Trail.acted(who, actUnlock, who.Via.ID, err) }()
	if who.Via.Kind != KindSession {
		return SessionInfo{}, forbidden("only a browser session is locked and unlocked")
	}
	if err := s.byPasswordAlone(who); err != nil {
		return SessionInfo{}, err
	}
	name, acc, err := s.a.accountFor(ctx, &view{a: s.a}, who.User)
	if err != nil {
		return SessionInfo{}, err
	}
	if acc == nil || acc.UID != who.uid || !acc.mayUsePassword() {
		return SessionInfo{}, forbidden("this account has no password here, so the profile cannot be unlocked with one; ask an administrator to set one, or to change how the profile is unlocked")
	}
	if password.Empty() || len(password.Reveal()) > MaxPassword || FormOf(password.Reveal()) != FormPassword {
		return SessionInfo{}, invalid("password", "the password is not right")
	}
	if err := s.a.checkPassword(ctx, who.Peer, name, acc, password); err != nil {
		if CodeOf(err) == Unauthenticated {
			return SessionInfo{}, &Error{Code: Invalid, Field: "password", Reason: "the password is not right", Err: err}
		}
		return SessionInfo{}, err
	}
	if acc.PasswordExpired {
		return SessionInfo{}, passwordExpired()
	}
	return s.setUnlocked(ctx, who, s.a.now().UTC().Add(s.a.Policy().UnlockFor))
}

// Lock closes the profile again; Forbidden where it is open as long as the
// session.
func (s *Sessions) Lock(ctx context.Context, who Identity) error {
	if who.Via.Kind != KindSession {
		return forbidden("only a browser session is locked and unlocked")
	}
	if who.UnlockBy == UnlockOpen {
		return s.byPasswordAlone(who)
	}
	_, err := s.setUnlocked(ctx, who, time.Time{})
	return err
}

func (s *Sessions) setUnlocked(ctx context.Context, who Identity, until time.Time) (SessionInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, err := s.a.rec.sessions.Update(ctx, who.Via.ref, func(r *sessionRecord, _ *time.Time) error {
		r.Unlocked = until
		return nil
	})
	if gone(err) {
		return SessionInfo{}, unauthenticated("the session has ended")
	}
	return s.info(rec, who.Via.ref, who), storeFailed(err)
}

// carryOver takes the caller's session into a new epoch of its account, in
// which all others have ended.
func (s *Sessions) carryOver(ctx context.Context, who Identity, acc *account) error {
	_, err := s.a.rec.sessions.Update(ctx, who.Via.ref, func(r *sessionRecord, _ *time.Time) error {
		if r.UID != acc.UID {
			return errors.New("the session is another account's")
		}
		if r.Epoch+1 != acc.Epochs.Session {
			return keystore.ErrSkip // it had been ended before
		}
		r.Epoch = acc.Epochs.Session
		return nil
	})
	if gone(err) {
		return nil
	}
	return storeFailed(err)
}

// End ends the session that the caller came with (sign out).
func (s *Sessions) End(ctx context.Context, who Identity) (err error) {
	defer func() { s.a.Trail.acted(who, actSignOut, who.Via.ID, err) }()
	if who.Via.Kind != KindSession {
		return forbidden("there is no session to end")
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	return s.end(ctx, who.User, who.Via.ref)
}

func (s *Sessions) end(ctx context.Context, owner string, hashes ...string) error {
	for _, hash := range hashes {
		if err := s.remove(ctx, hash, sessionRecord{}); err != nil {
			return err
		}
	}
	return s.shelf.unlist(ctx, owner, hashes...)
}

// remove ends a session, and then forgets what it kept of its provider.
func (s *Sessions) remove(ctx context.Context, hash string, rec sessionRecord) error {
	if err := s.shelf.remove(ctx, hash, rec); err != nil {
		return err
	}
	return s.forgetProviderSession(ctx, hash)
}

// List shows the live sessions of owner, newest first.
func (s *Sessions) List(ctx context.Context, who Identity, owner string) ([]SessionInfo, error) {
	if err := s.a.may(ctx, who, actSessionShow, owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	live, err := s.shelf.live(ctx, owner)
	if err != nil {
		return nil, err
	}
	out := make([]SessionInfo, 0, len(live))
	for _, l := range slices.Backward(live) {
		info := s.info(l.rec, l.id, who)
		info.LastUsed = s.a.lastUse(ctx, KindSession, l.id)
		out = append(out, info)
	}
	return out, nil
}

// Revoke ends one session.
func (s *Sessions) Revoke(ctx context.Context, who Identity, id string) (err error) {
	target := id
	defer func() { s.a.Trail.acted(who, actSessionRevoke, target, err) }()
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, err := s.a.rec.sessions.Get(ctx, id)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if gone(err) || rec.User != who.User && !who.Admin {
		return notFound("session")
	}
	target = rec.User + " " + id
	if who.Via.Kind != KindSession || who.Via.ref != id {
		if err := s.a.may(ctx, who, actSessionRevoke, rec.User); err != nil {
			return err
		}
	}
	return s.end(ctx, rec.User, id)
}

// RevokeAll ends every session of owner but the one that the caller came with.
func (s *Sessions) RevokeAll(ctx context.Context, who Identity, owner string) (err error) {
	defer func() { s.a.Trail.acted(who, actSessionRevoke, owner, err) }()
	if err := s.a.may(ctx, who, actSessionRevoke, owner); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, err := s.a.rec.accounts.Update(ctx, owner, func(r *account, _ *time.Time) error {
		r.Epochs.Session++
		return nil
	})
	if gone(err) {
		return notFound("user " + owner)
	} else if err != nil {
		return storeFailed(err)
	}
	if who.Via.Kind == KindSession && who.User == owner {
		return s.carryOver(ctx, who, &acc)
	}
	return nil
}

func (s *Sessions) sweep(ctx context.Context, owner string) error {
	return s.shelf.sweep(ctx, owner, s.remove)
}
