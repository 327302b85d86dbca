package auth

import (
	"context"
	"slices"
	"time"
)

const (
	maxEnded  = 100 // shown at once
	maxMarked = 25  // marked at once; each is a write or two

	whyReplaced = "replaced"
)

// Ended shows the tokens of owner that have ended within the last 30 days, the
// newest end first, at most 100. Those that were made for an hour or less are
// not among them, nor all those that one refreshable token was before its
// renewals. Of a token that ended with something else the time is an upper
// bound: the account's next change after it, or when it was first seen here.
func (t *Tokens) Ended(ctx context.Context, who Identity, owner string) ([]Token, error) {
	if err := t.a.may(ctx, who, actTokenShow, owner); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	v := &view{a: t.a}
	sys, err := v.system(ctx)
	if err != nil {
		return nil, err
	}
	acc, err := v.account(ctx, owner)
	if err != nil {
		return nil, err
	}
	found, err := t.shelf.all(ctx, owner)
	if err != nil {
		return nil, err
	}
	newest := make(map[string]uint64) // generation, by family
	for _, f := range found {
		newest[f.rec.Family] = max(newest[f.rec.Family], f.rec.Generation)
	}
	now, marked := t.a.now(), 0
	out := []Token{}
	for _, f := range found {
		if f.why == "" || !f.rec.kept() || f.rec.Generation < newest[f.rec.Family] {
			continue
		}
		at, why := endOf(f.rec, f.why, acc, now)
		if now.Sub(at) >= endedFor {
			continue
		}
		if f.rec.Ended.IsZero() && f.why != whyExpired && marked < maxMarked {
			// Nothing ends it in the store, which would keep it for ever.
			if err := t.retire(ctx, f.id, f.rec, at, why); err != nil {
				return nil, err
			}
			marked++
		}
		tok := f.rec.token(sys, f.id)
		tok.Ended, tok.EndedWhy = at.UTC(), why
		out = append(out, tok)
	}
	slices.SortStableFunc(out, func(a, b Token) int { return b.Ended.Compare(a.Ended) })
	out = out[:min(len(out), maxEnded)]
	for i := range out {
		t.tellUses(ctx, &out[i])
	}
	return out, nil
}

// endOf tells when and why a token ended, as its owner is told; why is as
// shelved has it.
func endOf(rec tokenRecord, why string, acc *account, now time.Time) (time.Time, string) {
	switch {
	case !rec.Ended.IsZero():
		return rec.Ended, rec.EndedWhy
	case why == whyExpired && rec.ReplacedBy != "":
		return rec.Expires, whyReplaced
	case why == whyExpired:
		return rec.Expires, whyExpired
	}
	at := now
	switch why {
	case whyNobody, whyDisabled, whyEpoch, whyPassword: // the account was changed then, or has been since
		if acc != nil && acc.Updated.After(rec.Created) && acc.Updated.Before(now) {
			at = acc.Updated
		}
	}
	switch why {
	case whyNobody, whyDisabled:
		why = "ended with the account"
	case whyPassword:
		why = "ended with the password it was made with"
	case whyEpoch, whySystem:
	default:
		why = "ended with what it was made with"
	}
	return at, why
}
