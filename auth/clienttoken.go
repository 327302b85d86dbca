package auth

import (
	"context"
	"slices"
	"time"
)

const (
	clientLife   = time.Hour
	clientReuse  = time.Minute
	clientLook   = 16 // of the newest tokens, for one to be used again
	clientReason = "CLI sign-in over SSH"
)

// ForClient makes the one-hour token that a CLI gets over SSH: RS256, with a
// record, ending with the key it was made with. Within a minute the same
// credential gets the same token (RS256 is deterministic), since each command
// of that CLI signs in twice and no list should grow with it.
func (t *Tokens) ForClient(ctx context.Context, who Identity) (secret Secret, expires time.Time, err error) {
	if err := t.a.may(ctx, who, actTokenCreate, who.User); err != nil {
		t.a.Trail.acted(who, actTokenCreate, who.User, err)
		return Secret{}, time.Time{}, err
	}
	read, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	now, v := t.a.now(), &view{a: t.a}
	sys, err := v.system(read)
	if err != nil {
		return Secret{}, time.Time{}, err
	}
	acc, err := v.account(read, who.User)
	if err != nil {
		return Secret{}, time.Time{}, err
	}
	ids, err := t.shelf.ids(read, who.User)
	if err != nil {
		return Secret{}, time.Time{}, err
	}
	mine := lineage(who)
	for _, id := range slices.Backward(ids[max(len(ids)-clientLook, 0):]) { // a long list costs no more than a short one
		rec, err := look(read, v, t.a.rec.tokens, id)
		if gone(err) {
			continue
		} else if err != nil {
			return Secret{}, time.Time{}, storeFailed(err)
		}
		if now.Sub(rec.Created) >= clientReuse {
			break
		}
		if rec.Description != clientReason || !slices.Equal(rec.Parents, mine) || rec.Expires.Sub(rec.Created) != clientLife {
			continue
		}
		if why, err := v.live(read, KindToken, rec.bond, acc); err != nil {
			return Secret{}, time.Time{}, err
		} else if why == "" {
			secret, err := t.sign(read, sys, id, rec)
			return secret, rec.Expires, err
		}
	}
	life := clientLife
	if !who.Expires.IsZero() {
		life = min(life, who.Expires.Sub(now))
	}
	tok, err := t.Create(ctx, who, NewToken{Description: clientReason, Life: life})
	return tok.JWT, tok.Expires, err
}
