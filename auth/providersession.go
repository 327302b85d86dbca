package auth

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// providerSession is what a session keeps of the provider it was begun through.
// It is at the session's own id.
type providerSession struct {
	UID     string    `json:"uid"`
	Sealed  []byte    `json:"sealed,omitempty"` // refresh secret, NUL, id_token
	Asked   time.Time `json:"asked,omitzero"`   // when the provider last answered
	Claimed time.Time `json:"claimed,omitzero"` // until when one replica alone asks, or nobody does
}

const (
	// maxProviderSession is how much is kept of what a provider hands out, in bytes.
	maxProviderSession = 24 << 10
	// maxSessionsAt are those of one session at a provider.
	maxSessionsAt = 20
)

// providerSIDs names the sessions that were begun in the session sid at issuer.
func (a *Authority) providerSIDs(issuer, sid string) string {
	return a.ring().LookupID(lookupProviderSID, ofIssuer(issuer, sid))
}

// note puts the session hash on the list of those of a session at its provider,
// which ends it; the oldest give way, and end.
func (s *Sessions) note(ctx context.Context, hash string, rec sessionRecord, sid string) error {
	if sid == "" {
		return nil
	}
	var over []string
	_, err := s.a.rec.providerSIDs.Upsert(ctx, s.a.providerSIDs(rec.Issuer, sid), func(l *idList, expires *time.Time) error {
		over = nil
		if slices.Contains(l.IDs, hash) && !expires.Before(rec.End) {
			return keystore.ErrSkip
		}
		l.IDs = append(slices.DeleteFunc(l.IDs, func(id string) bool { return id == hash }), hash)
		if n := len(l.IDs) - maxSessionsAt; n > 0 {
			over, l.IDs = slices.Clone(l.IDs[:n]), slices.Clone(l.IDs[n:])
		}
		if rec.End.After(*expires) {
			*expires = rec.End
		}
		return nil
	})
	if err != nil {
		return storeFailed(err)
	}
	return s.endAll(ctx, over)
}

// noted reports whether the session is on that list still: who ends the
// sessions of one takes them off it first.
func (s *Sessions) noted(ctx context.Context, hash string, rec sessionRecord, sid string) (bool, error) {
	if sid == "" {
		return true, nil
	}
	l, _, err := s.a.rec.providerSIDs.Get(ctx, s.a.providerSIDs(rec.Issuer, sid))
	if gone(err) {
		return false, nil
	}
	return slices.Contains(l.IDs, hash), storeFailed(err)
}

// endAll ends sessions, whosever they are.
func (s *Sessions) endAll(ctx context.Context, hashes []string) error {
	for _, hash := range hashes {
		rec, _, err := s.a.rec.sessions.Get(ctx, hash)
		if err == nil {
			err = s.end(ctx, rec.User, hash)
		}
		if err != nil && !gone(err) {
			return storeFailed(err)
		}
	}
	return nil
}

// keepProviderSession seals what the session hash needs to ask its provider again and
// to take leave there. What is too long is not kept.
func (s *Sessions) keepProviderSession(ctx context.Context, hash string, rec sessionRecord, ext External) error {
	if ext.Refresh.Empty() && ext.IDToken.Empty() {
		return nil
	}
	_, err := s.a.rec.providerSessions.Upsert(ctx, hash, func(r *providerSession, expires *time.Time) error {
		refresh, idToken := s.openProviderSession(hash, rec.UID, *r)
		*r = providerSession{UID: rec.UID, Asked: s.a.now().UTC()}
		r.Sealed = s.sealProviderSession(hash, rec.UID, newer(refresh, ext.Refresh), newer(idToken, ext.IDToken))
		*expires = rec.End
		return nil
	})
	return storeFailed(err)
}

// newer is next, or last where there is none: a provider need not hand out
// another (RFC 6749 §6).
func newer(last, next Secret) Secret {
	if next.Empty() {
		return last
	}
	return next
}

func (s *Sessions) sealProviderSession(hash, uid string, refresh, idToken Secret) []byte {
	if len(refresh.Reveal())+len(idToken.Reveal()) > maxProviderSession {
		idToken = Secret{}
	}
	if len(refresh.Reveal()) > maxProviderSession {
		refresh = Secret{}
	}
	if refresh.Empty() && idToken.Empty() {
		return nil
	}
	return s.a.ring().Seal(sealProvider, hash+" "+uid, []byte(refresh.Reveal()+"\x00"+idToken.Reveal()))
}

// openProviderSession is empty for what does not open.
func (s *Sessions) openProviderSession(hash, uid string, r providerSession) (refresh, idToken Secret) {
	if r.UID != uid || r.Sealed == nil {
		return Secret{}, Secret{}
	}
	plain, err := s.a.ring().Open(sealProvider, hash+" "+uid, r.Sealed)
	if err != nil {
		return Secret{}, Secret{}
	}
	first, second, _ := bytes.Cut(plain, []byte{0})
	return NewSecret(string(first)), NewSecret(string(second))
}

func (s *Sessions) forgetProviderSession(ctx context.Context, hash string) error {
	if err := s.a.rec.providerSessions.Delete(ctx, hash); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return nil
}

// Farewell is what the provider of the caller's session is told when it ends;
// provider is empty for a session that no provider began. Ask before Sessions.End.
func (s *Sessions) Farewell(ctx context.Context, who Identity) (provider string, idToken Secret, err error) {
	if who.Via.Kind != KindSession || who.Provider == "" {
		return "", Secret{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, _, err := s.a.rec.providerSessions.Get(ctx, who.Via.ref)
	if err != nil && !gone(err) {
		return "", Secret{}, storeFailed(err)
	}
	_, idToken = s.openProviderSession(who.Via.ref, who.uid, rec)
	return who.Provider, idToken, nil
}
