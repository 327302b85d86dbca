package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"time"
)

// SignIn begins a session with a password. The session begins locked. A clear
// password is taken under policy "required" as well: it comes from the
// sign-in page, where there is no other.
func (s *Sessions) SignIn(ctx context.Context, peer Peer, user string, password Secret, remember bool) (secret Secret, info SessionInfo, err error) {
	k, ok := s.a.proofKey(peer, Password{User: user, Secret: password})
	if !ok {
		return Secret{}, SessionInfo{}, s.a.refuse(peer, Password{User: user}, k, "", unauthenticated("no user name or password"))
	}
	if FormOf(password.Reveal()) != FormPassword {
		return Secret{}, SessionInfo{}, s.a.refuse(peer, Password{User: user}, k, "", unauthenticated("a key or token does not begin a session"))
	}
	f, err := s.a.byPassword(ctx, &view{a: s.a}, peer, Password{User: user, Secret: password})
	if err != nil {
		return Secret{}, SessionInfo{}, s.a.refuse(peer, Password{User: user}, k, f.name, err)
	}
	if f.acc.PagesDisabled {
		return Secret{}, SessionInfo{}, s.a.refuse(peer, Password{User: user}, k, f.name, unauthenticated("the account has no pages"))
	}
	who := f.identity()
	who.Peer = peer
	defer func() { s.a.Trail.acted(who, actSignIn, info.ID, err) }()
	p := s.a.Policy()
	idle, life := p.SessionIdle, p.SessionAbsolute
	if remember {
		idle, life = p.SessionRemember, p.SessionRemember
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, err := s.draft(ctx, &view{a: s.a}, f, idle, life)
	if err != nil {
		return Secret{}, SessionInfo{}, err
	}
	secret, hash := s.draw()
	if err := s.put(ctx, hash, rec); err != nil {
		return Secret{}, SessionInfo{}, err
	}
	return secret, s.info(rec, hash, who), nil
}

// draft is a session of who was found, not kept yet.
func (s *Sessions) draft(ctx context.Context, v *view, f found, idle, life time.Duration) (sessionRecord, error) {
	sys, err := v.system(ctx)
	if err != nil {
		return sessionRecord{}, err
	}
	now := s.a.now().UTC()
	return sessionRecord{
		bond: bond{
			User: f.name, UID: f.acc.UID, Epoch: f.acc.Epochs.Session, System: sys.Epochs.Session,
			Created: now, Expires: now.Add(min(idle, life)),
		},
		End: now.Add(life), Idle: idle,
	}, nil
}

// draw makes a session's secret, and the id of its record.
func (s *Sessions) draw() (secret Secret, hash string) {
	id := make([]byte, sessionBytes)
	rand.Read(id)
	secret = NewSecret(base64.RawURLEncoding.EncodeToString(id))
	return secret, s.a.ring().LookupID(lookupSession, secret.Reveal())
}

// put begins a session.
func (s *Sessions) put(ctx context.Context, hash string, rec sessionRecord) error {
	if err := s.list(ctx, rec.User, hash); err != nil {
		return err
	}
	if err := s.a.rec.sessions.Create(ctx, hash, rec, rec.Expires); err != nil {
		return storeFailed(err)
	}
	// Who read the list meanwhile found no record and took the id off it.
	return s.list(ctx, rec.User, hash)
}

// list puts a session on its owner's list; the oldest give way.
func (s *Sessions) list(ctx context.Context, owner, hash string) error {
	for {
		err := s.shelf.list(ctx, owner, hash)
		if !errors.Is(err, errListFull) {
			return err
		}
		ids, err := s.shelf.ids(ctx, owner)
		if err != nil {
			return err
		}
		if err := s.end(ctx, owner, ids[:max(0, len(ids)-maxSessionsOf+1)]...); err != nil {
			return err
		}
	}
}
