package auth

import (
	"context"
	"errors"
)

// SignInThrough begins a session for the user that an identity is bound to, or
// for a new one where its provider makes accounts. Errors: NotFound when it is
// bound to nobody; Unauthenticated for one whose user is disabled or has no
// pages; Forbidden when no account can be made of it.
//
// The session begins locked unless its provider's is open, and ends when the
// account is unlinked or its provider is not configured any more.
func (s *Sessions) SignInThrough(ctx context.Context, peer Peer, ext External) (secret Secret, info SessionInfo, err error) {
	id := bindingID(ext.Issuer, ext.Subject)
	who := Identity{Peer: peer, Via: Via{Kind: KindBinding, ID: id}}
	defer func() { s.a.Trail.acted(who, actSignIn, info.ID, err) }()
	p, err := s.a.vouched(ext)
	if err != nil {
		return Secret{}, SessionInfo{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, signInDeadline)
	defer cancel()
	v := &view{a: s.a}
	f, rec, err := s.a.byExternal(ctx, v, ext)
	if errors.Is(err, errUnbound) {
		f, rec, err = s.a.Users.newcomer(ctx, v, peer, p, ext)
	}
	who.User = f.name
	if err != nil {
		return Secret{}, SessionInfo{}, err
	}
	if f.acc.PagesDisabled {
		return Secret{}, SessionInfo{}, unauthenticated("the account has no pages")
	}
	if _, err := s.a.Bindings.give(ctx, id, rec, s.a.says(p, ext.Groups)); err != nil {
		return Secret{}, SessionInfo{}, err
	}
	policy := s.a.Policy()
	draft, err := s.draft(ctx, v, f, policy.SessionIdle, policy.SessionAbsolute)
	if err != nil {
		return Secret{}, SessionInfo{}, err
	}
	draft.Provider, draft.Issuer, draft.Parents = p.Name, p.Issuer, []Ref{rec.ref(id)}
	secret, hash := s.draw()
	if err := s.putThrough(ctx, hash, draft, ext, rec); err != nil {
		return Secret{}, SessionInfo{}, err
	}
	s.a.uses.note(&f.via, f.ends, &peer, s.a.now())
	return secret, s.info(draft, hash, who), nil
}

// signInDeadline is for all that is read and written to sign somebody in.
const signInDeadline = 3 * storeDeadline

// putThrough begins a session that its provider can end: what ends it is there
// before it is. through is the linked account as it was read for it.
func (s *Sessions) putThrough(ctx context.Context, hash string, rec sessionRecord, ext External, through bindingRecord) error {
	if err := s.note(ctx, hash, rec, ext.SID); err != nil {
		return err
	}
	if err := s.keepProviderSession(ctx, hash, rec, ext); err != nil {
		return err
	}
	if err := s.put(ctx, hash, rec); err != nil {
		return err
	}
	on, err := s.noted(ctx, hash, rec, ext.SID)
	if err == nil && on {
		on, err = s.a.Bindings.stays(ctx, bindingID(ext.Issuer, ext.Subject), through)
	}
	if err == nil && !on {
		err = unauthenticated("the provider ended the session while it began")
	}
	if err != nil {
		// Nobody has the secret; what is left of it goes, or ends by itself.
		s.a.c.Log.Debug("a session was given up while it began", "error", s.end(context.WithoutCancel(ctx), rec.User, hash))
	}
	return err
}
