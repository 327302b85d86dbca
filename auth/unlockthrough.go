package auth

import (
	"context"
	"slices"
	"time"
)

// freshLeeway is how far a provider's clock, or another replica's, may be from ours.
const freshLeeway = time.Minute

// UnlockThrough opens the profile to the session that the attempt was begun
// in, by a sign-in at its provider that is not older than the attempt. Errors:
// Forbidden.
func (s *Sessions) UnlockThrough(ctx context.Context, who Identity, attempt Attempt, ext External) (info SessionInfo, err error) {
	defer func() { s.a.Trail.acted(who, actUnlock, who.Via.ID, err) }()
	if attempt.Purpose != ToUnlock || !who.begun(attempt.Session) {
		return SessionInfo{}, beganElsewhere()
	}
	if who.UnlockBy != UnlockAgain {
		return SessionInfo{}, forbidden("this session is not unlocked by signing in again")
	}
	p, err := s.a.vouched(ext)
	if err != nil {
		return SessionInfo{}, err
	}
	id := bindingID(ext.Issuer, ext.Subject)
	if !slices.ContainsFunc(who.Via.Parents, func(r Ref) bool { return r.Kind == KindBinding && r.ID == id }) {
		return SessionInfo{}, forbidden("you signed in at %s as somebody else than the one who this session is of; choose the same account there", p.Title)
	}
	now := s.a.now()
	switch {
	case ext.SignedIn.IsZero() || attempt.Begun.IsZero():
		return SessionInfo{}, forbidden("%s did not say when you signed in there, so it cannot unlock the profile; ask an administrator to choose another way for it", p.Title)
	case ext.SignedIn.Before(attempt.Begun.Add(-freshLeeway)):
		return SessionInfo{}, forbidden("%s did not ask you to sign in again, so the profile stays locked; sign out there, and try again", p.Title)
	case ext.SignedIn.After(now.Add(freshLeeway)) || attempt.Begun.After(now.Add(freshLeeway)):
		return SessionInfo{}, forbidden("the clock of %s is ahead, so it cannot unlock the profile; ask an administrator", p.Title)
	}
	if err := s.a.Recheck(ctx, who); err != nil {
		return SessionInfo{}, err
	}
	if err := s.renewProviderSession(ctx, who, p, ext); err != nil {
		return SessionInfo{}, err
	}
	return s.setUnlocked(ctx, who, now.UTC().Add(s.a.Policy().UnlockFor))
}

// renewProviderSession keeps what the provider handed out anew: the person may be in
// another session there now, which ends this one here.
func (s *Sessions) renewProviderSession(ctx context.Context, who Identity, p Provider, ext External) error {
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	hash := who.Via.ref
	rec, _, err := s.a.rec.sessions.Get(ctx, hash)
	if gone(err) {
		return unauthenticated("the session has ended")
	} else if err != nil {
		return storeFailed(err)
	}
	if err := s.note(ctx, hash, rec, ext.SID); err != nil {
		return err
	}
	id := bindingID(ext.Issuer, ext.Subject)
	binding, _, err := s.a.rec.bindings.Get(ctx, id)
	if gone(err) {
		return unauthenticated("the account was unlinked")
	} else if err != nil {
		return storeFailed(err)
	}
	if _, err := s.a.Bindings.give(ctx, id, binding, s.a.says(p, ext.Groups)); err != nil {
		return err
	}
	return s.keepProviderSession(ctx, hash, rec, ext)
}

// byPasswordAlone refuses a session whose profile is not unlocked with the
// password, and says how it is.
func (s *Sessions) byPasswordAlone(who Identity) error {
	if who.Provider == "" || who.UnlockBy == UnlockByPassword {
		return nil
	}
	title := who.Provider
	if p, ok := s.a.Provider(who.Provider); ok {
		title = p.Title
	}
	if who.UnlockBy == UnlockOpen {
		return forbidden("you signed in through %s, and the profile of such a session is never locked", title)
	}
	return forbidden("you signed in through %s; unlock the profile by signing in there again", title)
}
