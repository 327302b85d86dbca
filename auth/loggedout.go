package auth

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// logoutsKept is how long it is remembered that a provider told of an end. Its
// word of it is good for some minutes.
const logoutsKept = 12 * time.Hour

// LoggedOut ends the sessions that a provider says are over, and tells how
// many they were. Nothing is said about those that it does not know. What is
// told again changes nothing: who signed in since then stays.
func (s *Sessions) LoggedOut(ctx context.Context, peer Peer, l ExternalLogout) (ended int, err error) {
	who, target := Identity{Peer: peer}, ""
	defer func() {
		if ended > 0 || err != nil {
			s.a.Trail.acted(who, actLoggedOut, target, err)
		}
	}()
	if l.SID == "" && l.Subject == "" {
		return 0, invalid("logout_token", "it says neither whose sessions are over nor which")
	}
	if p, ok := s.a.vouching(l.Provider, l.Issuer); !ok || p.Name != l.Provider {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	told := s.a.ring().LookupID(lookupLogout, ofIssuer(l.Issuer, l.ID))
	if l.ID != "" {
		if _, _, err := s.a.rec.forms.Get(ctx, told); err == nil {
			return 0, nil
		} else if !gone(err) {
			return 0, storeFailed(err)
		}
	}
	if l.Subject != "" {
		who.Via = Via{Kind: KindBinding, ID: bindingID(l.Issuer, l.Subject)}
	}
	if l.SID != "" {
		target, ended, err = s.endAt(ctx, l)
	} else {
		target, ended, err = s.endOf(ctx, l)
	}
	if err != nil || l.ID == "" {
		return ended, err
	}
	// Last, so that what failed is done when it is told again.
	err = s.a.rec.forms.Create(ctx, told, struct{}{}, s.a.now().Add(logoutsKept))
	if errors.Is(err, keystore.ErrExists) {
		err = nil
	}
	return ended, storeFailed(err)
}

// endAt ends the sessions that were begun in one session at the provider.
func (s *Sessions) endAt(ctx context.Context, l ExternalLogout) (owner string, ended int, err error) {
	index := s.a.providerSIDs(l.Issuer, l.SID)
	list, _, err := s.a.rec.providerSIDs.Get(ctx, index)
	if gone(err) {
		return "", 0, nil
	} else if err != nil {
		return "", 0, storeFailed(err)
	}
	var over []string
	for _, hash := range list.IDs {
		rec, _, err := s.a.rec.sessions.Get(ctx, hash)
		if err != nil && !gone(err) {
			return owner, 0, storeFailed(err)
		}
		if err == nil && l.Subject != "" && !rec.through(bindingID(l.Issuer, l.Subject)) {
			continue // somebody else's: a provider names the two it has
		}
		over = append(over, hash)
		if err == nil {
			owner, ended = rec.User, ended+1
		}
	}
	if err := s.endAll(ctx, over); err != nil {
		return owner, 0, err
	}
	// Who began one of them meanwhile finds that it is off the list, or has it
	// ended below.
	_, err = s.a.rec.providerSIDs.Update(ctx, index, func(r *idList, _ *time.Time) error {
		r.IDs = slices.DeleteFunc(r.IDs, func(id string) bool { return slices.Contains(over, id) })
		return nil
	})
	if err != nil && !gone(err) {
		return owner, 0, storeFailed(err)
	}
	if err := s.endAll(ctx, over); err != nil {
		return owner, 0, err
	}
	return owner, ended, nil
}

// endOf ends all sessions of the user that were begun through an identity.
func (s *Sessions) endOf(ctx context.Context, l ExternalLogout) (owner string, ended int, err error) {
	id := bindingID(l.Issuer, l.Subject)
	// Counted first: who began one meanwhile finds that it was, or has it on
	// the list below.
	rec, err := s.a.rec.bindings.Update(ctx, id, func(r *bindingRecord, _ *time.Time) error {
		r.Logouts++
		return nil
	})
	if gone(err) {
		return "", 0, nil
	} else if err != nil {
		return "", 0, storeFailed(err)
	}
	ended, err = s.endThrough(ctx, rec.User, id)
	return rec.User, ended, err
}

// stays reports whether the linked account id is the one that was read as rec,
// and its provider has ended no sessions of it since.
func (b *Bindings) stays(ctx context.Context, id string, rec bindingRecord) (bool, error) {
	now, _, err := b.a.rec.bindings.Get(ctx, id)
	if gone(err) {
		return false, nil
	}
	return now.Registration == rec.Registration && now.Logouts == rec.Logouts, storeFailed(err)
}

// endThrough ends the sessions of owner that were begun through the linked
// account id, and tells how many they were.
func (s *Sessions) endThrough(ctx context.Context, owner, id string) (ended int, err error) {
	ids, err := s.shelf.ids(ctx, owner)
	if err != nil {
		return 0, err
	}
	var through []string
	for _, hash := range ids {
		rec, _, err := s.a.rec.sessions.Get(ctx, hash)
		if err != nil && !gone(err) {
			return 0, storeFailed(err)
		}
		if err == nil && rec.User == owner && rec.through(id) {
			through = append(through, hash)
		}
	}
	return len(through), s.end(ctx, owner, through...)
}

// through reports whether the session was begun through the linked account id.
func (r sessionRecord) through(id string) bool {
	return slices.ContainsFunc(r.Parents, func(p Ref) bool { return p.Kind == KindBinding && p.ID == id })
}
