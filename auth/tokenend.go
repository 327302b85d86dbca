package auth

import (
	"context"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Revoke ends a token, or a short token without a record (Grant), by its id.
func (t *Tokens) Revoke(ctx context.Context, who Identity, id string) (err error) {
	target := id
	defer func() { t.a.Trail.acted(who, actTokenRevoke, target, err) }()
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	rec, err := t.find(ctx, who, actTokenRevoke, id)
	if rec.User != "" {
		target = rec.User + " " + id
	}
	if CodeOf(err) == NotFound && isGrantID(id) {
		return t.revokeGrant(ctx, who, id)
	}
	if err != nil {
		return err
	}
	return t.end(ctx, id, rec, whyRevoked)
}

// Surrender ends the token that secret is, and what renews it, on behalf of
// whoever holds it: holding a token is enough to end it, also one that has
// expired. What has ended is nothing to end. Errors are those of Lookup.
func (t *Tokens) Surrender(ctx context.Context, peer Peer, secret Secret) (err error) {
	who, target := Identity{Peer: peer}, ""
	defer func() { t.a.Trail.acted(who, actTokenRevoke, target, err) }()
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	id, err := t.Lookup(ctx, secret)
	if err != nil {
		return err
	}
	target = id
	rec, _, err := t.a.rec.tokens.Get(ctx, id)
	switch {
	case err == nil && t.over(rec):
	case err == nil:
		who.User, who.Via, target = rec.User, Via{Kind: KindToken, ID: id}, rec.User+" "+id
		return t.end(ctx, id, rec, whyRevoked)
	case !gone(err):
		return storeFailed(err)
	case isGrantID(id): // signed by us, so it was given out
		return t.a.endGrant(ctx, id)
	}
	return nil
}

// end ends a token for the reason why, which its owner is shown. With it ends
// all that its family made: what could renew it would bring it back.
func (t *Tokens) end(ctx context.Context, id string, rec tokenRecord, why string) error {
	if rec.Family != "" {
		return t.endFamily(ctx, rec.User, rec.Family, why)
	}
	return t.retire(ctx, id, rec, t.a.now(), why)
}

// retire ends what works first, the record and then its other form. A record
// that is kept is marked, which is noticed everywhere as its removal is, and
// stays on its owner's list until the store sweeps it; others go, and then
// their listing.
func (t *Tokens) retire(ctx context.Context, id string, rec tokenRecord, at time.Time, why string) error {
	if !rec.kept() {
		if err := t.remove(ctx, id, rec); err != nil {
			return err
		}
		return t.shelf.unlist(ctx, rec.User, id)
	}
	_, err := t.a.rec.tokens.Update(ctx, id, func(r *tokenRecord, expires *time.Time) error {
		if !r.Ended.IsZero() {
			return keystore.ErrSkip
		}
		r.Ended, r.EndedWhy, *expires = at.UTC(), why, at.Add(endedFor)
		return nil
	})
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	return t.removeReference(ctx, rec)
}

// remove removes what works, and all that is known of it.
func (t *Tokens) remove(ctx context.Context, id string, rec tokenRecord) error {
	if err := t.a.rec.tokens.Delete(ctx, id); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return t.removeReference(ctx, rec)
}

func (t *Tokens) removeReference(ctx context.Context, rec tokenRecord) error {
	if rec.Reference == "" {
		return nil
	}
	if err := t.a.rec.creds.Delete(ctx, rec.Reference); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return nil
}

func (t *Tokens) sweep(ctx context.Context, owner string) error {
	return t.shelf.sweep(ctx, owner, func(ctx context.Context, id string, rec tokenRecord) error {
		if rec.Family != "" {
			if err := t.a.rec.families.Delete(ctx, rec.Family); err != nil && !gone(err) {
				return storeFailed(err)
			}
		}
		return t.remove(ctx, id, rec)
	})
}
