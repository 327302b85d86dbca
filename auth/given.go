package auth

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// given are the groups that an account is in because somebody else says so:
// those that a linked account adds to what it is in by hand.
type given struct {
	Issuer string   `json:"issuer"`
	Groups []string `json:"groups"` // sorted
}

// byHand are the groups that the account is in whatever others say, sorted.
func (acc *account) byHand() []string {
	return slices.DeleteFunc(slices.Clone(acc.Groups), acc.isGiven)
}

func (acc *account) isGiven(group string) bool {
	for _, g := range acc.From {
		if slices.Contains(g.Groups, group) {
			return true
		}
	}
	return false
}

// give puts the account into the groups that the linked account id gives now,
// and takes it out of those that it gave before. Of more than an account may
// be in, the last by name are passed over.
func (acc *account) give(id, issuer string, groups []string) {
	hand := acc.byHand()
	of := maps.Clone(acc.From)
	if of == nil {
		of = make(map[string]given)
	}
	delete(of, id)
	added := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(groups))), func(g string) bool { return slices.Contains(hand, g) })
	added = added[:min(len(added), max(0, maxGroupsOf-len(hand)))]
	if len(added) > 0 {
		of[id] = given{issuer, added}
	}
	acc.From = of
	acc.regroup(hand)
}

// regroup sets what the account is in: by hand, and by what From says.
func (acc *account) regroup(hand []string) {
	all := slices.Clone(hand)
	for _, id := range slices.Sorted(maps.Keys(acc.From)) {
		for _, g := range acc.From[id].Groups {
			if len(all) < maxGroupsOf {
				insert(&all, g)
			}
		}
	}
	acc.Groups = all
	if len(acc.From) == 0 {
		acc.From = nil
	}
}

// takeBackAll leaves the account in the groups that it is in by hand.
func (acc *account) takeBackAll() {
	acc.Groups, acc.From = acc.byHand(), nil
}

// notGiven forgets that others gave these groups: who is in them from now on is
// so by hand, and who is not is not until they are given again.
func (acc *account) notGiven(drop func(group string) bool) {
	of := make(map[string]given)
	for id, g := range acc.From {
		if kept := slices.DeleteFunc(slices.Clone(g.Groups), drop); len(kept) > 0 {
			of[id] = given{g.Issuer, kept}
		}
	}
	if acc.From = of; len(of) == 0 {
		acc.From = nil
	}
}

// lapse takes from an account that was read what providers gave that are not
// configured any more.
func (a *Authority) lapse(acc *account) {
	over := func(_ string, g given) bool { return !a.trusts(g.Issuer) }
	for id, g := range acc.From {
		if !over(id, g) {
			continue
		}
		hand := acc.byHand()
		acc.From = maps.Clone(acc.From)
		maps.DeleteFunc(acc.From, over)
		acc.regroup(hand)
		return
	}
}

// give is account.give for the account that rec, the linked account id, is of,
// and for the groups among these that exist. It reports whether anything changed;
// nothing does where that account does not exist any more, or has unlinked it.
func (b *Bindings) give(ctx context.Context, id string, rec bindingRecord, groups []string) (changed bool, err error) {
	u := b.a.Users
	if groups, err = u.existing(ctx, groups); err != nil {
		return false, err
	}
	acc, err := b.a.rec.accounts.Update(ctx, rec.User, func(acc *account, _ *time.Time) error {
		if changed = false; acc.UID != rec.UID || acc.Epochs.Binding != rec.Epoch {
			return keystore.ErrSkip
		}
		before, of := acc.Groups, acc.From[id]
		acc.give(id, rec.Issuer, groups)
		changed = !slices.Equal(before, acc.Groups) || !slices.Equal(of.Groups, acc.From[id].Groups)
		if !changed {
			return keystore.ErrSkip
		}
		acc.Updated = b.a.now().UTC()
		return nil
	})
	if gone(err) || err == nil && !changed {
		return false, nil
	} else if err != nil {
		return false, storeFailed(err)
	}
	if err := u.leaveGone(ctx, rec.User, acc.From[id].Groups); err != nil && CodeOf(err) != Invalid {
		return true, err
	}
	if len(acc.From[id].Groups) == 0 {
		return true, nil
	}
	// Who unlinked it meanwhile may have taken back what was given before.
	now, _, err := b.a.rec.bindings.Get(ctx, id)
	if gone(err) || err == nil && now.Registration != rec.Registration {
		return b.give(ctx, id, rec, nil)
	}
	return true, storeFailed(err)
}

// existing are those of names that are groups, sorted, as many as a user may
// be in.
func (u *Users) existing(ctx context.Context, names []string) ([]string, error) {
	var out []string
	for _, g := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if len(out) == maxGroupsOf {
			break
		}
		if !validGroupName(g) {
			continue
		}
		_, _, err := u.a.rec.groups.Get(ctx, g)
		if err == nil {
			out = append(out, g)
		} else if !gone(err) {
			return nil, storeFailed(err)
		}
	}
	return out, nil
}
