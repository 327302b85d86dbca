package auth

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// given are the groups that an account is in because somebody else says so:
// those that a linked account adds to what it is in by hand, as the provider
// said through which its person came, until nobody can have asked it since.
type given struct {
	Provider string    `json:"provider"`
	Issuer   string    `json:"issuer"`
	Until    time.Time `json:"until"`
	Groups   []string  `json:"groups"` // sorted
}

// givenMargin is how long what was given outlives the longest session that
// could begin with it; a word that moves it by less is not written down.
const givenMargin = time.Hour

// says is what p gives from now on, when the groups are there.
func (a *Authority) says(p Provider, groups []string) given {
	return given{p.Name, p.Issuer, a.now().UTC().Add(a.Policy().SessionAbsolute + givenMargin), groups}
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
func (acc *account) give(id string, now given) {
	hand := acc.byHand()
	of := maps.Clone(acc.From)
	if of == nil {
		of = make(map[string]given)
	}
	delete(of, id)
	added := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(now.Groups))), func(g string) bool { return slices.Contains(hand, g) })
	if now.Groups = added[:min(len(added), max(0, maxGroupsOf-len(hand)))]; len(now.Groups) > 0 {
		of[id] = now
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
		if g.Groups = slices.DeleteFunc(slices.Clone(g.Groups), drop); len(g.Groups) > 0 {
			of[id] = g
		}
	}
	if acc.From = of; len(of) == 0 {
		acc.From = nil
	}
}

// leave takes the account out of a group, and forgets that others gave it. It
// reports whether there was anything of it: more may have been given than count.
func (acc *account) leave(group string) bool {
	was := remove(&acc.Groups, group) || acc.isGiven(group)
	acc.notGiven(func(given string) bool { return given == group })
	return was
}

// lapse takes from an account that was read what providers gave that are not
// configured any more, whoever else has their issuer, or gave too long ago.
func (a *Authority) lapse(acc *account) {
	over := func(_ string, g given) bool {
		p, ok := a.vouching(g.Provider, g.Issuer)
		return !ok || p.Name != g.Provider || !a.now().Before(g.Until)
	}
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
func (b *Bindings) give(ctx context.Context, id string, rec bindingRecord, now given) (changed bool, err error) {
	u, written := b.a.Users, false
	if now.Groups, err = u.existing(ctx, now.Groups); err != nil {
		return false, err
	}
	acc, err := b.a.rec.accounts.Update(ctx, rec.User, func(acc *account, _ *time.Time) error {
		if changed, written = false, false; acc.UID != rec.UID || acc.Epochs.Binding != rec.Epoch {
			return keystore.ErrSkip
		}
		before, of := acc.Groups, acc.From[id]
		acc.give(id, now)
		is := acc.From[id]
		changed = !slices.Equal(before, acc.Groups) || !slices.Equal(of.Groups, is.Groups)
		written = changed || of.Provider != is.Provider || is.Until.Sub(of.Until).Abs() >= givenMargin
		if !written {
			return keystore.ErrSkip
		}
		if changed {
			acc.Updated = b.a.now().UTC()
		}
		return nil
	})
	if gone(err) || err == nil && !written {
		return false, nil
	} else if err != nil {
		return false, storeFailed(err)
	}
	if err := u.leaveGone(ctx, rec.User, acc.From[id].Groups); err != nil && CodeOf(err) != Invalid {
		return changed, err
	}
	if len(acc.From[id].Groups) == 0 {
		return changed, nil
	}
	// Who unlinked it meanwhile may have taken back what was given before.
	is, _, err := b.a.rec.bindings.Get(ctx, id)
	if gone(err) || err == nil && is.Registration != rec.Registration {
		return true, b.takeBack(ctx, id, rec)
	}
	return changed, storeFailed(err)
}

// takeBack takes the account that rec, the linked account id, is of out of the
// groups that it gave.
func (b *Bindings) takeBack(ctx context.Context, id string, rec bindingRecord) error {
	_, err := b.give(ctx, id, rec, given{})
	return err
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
