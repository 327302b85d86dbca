package auth

import (
	"context"
	"slices"
	"strings"
)

// ClearGuesses gives the account its guess budget back.
func (u *Users) ClearGuesses(ctx context.Context, who Identity, name string) (err error) {
	defer func() { u.a.Trail.acted(who, actUserClear, name, err) }()
	if err := u.a.may(ctx, who, actUserClear, name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	if _, _, err := u.a.rec.accounts.Get(ctx, name); gone(err) {
		return notFound("user " + name)
	} else if err != nil {
		return storeFailed(err)
	}
	return u.a.clearGuesses(ctx, name)
}

// Throttled lists the accounts whose budget of guesses strangers have used up
// now, sorted: what other systems call locked. Their owners still sign in from
// where they did before. With among only these are looked at. For
// administrators.
func (u *Users) Throttled(ctx context.Context, who Identity, among ...string) ([]string, error) {
	if err := u.a.may(ctx, who, actUserList, ""); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	names := []string{}
	for _, name := range among {
		rec, _, err := u.a.rec.guesses.Get(ctx, "account/"+name)
		if err != nil && !gone(err) {
			return nil, storeFailed(err)
		}
		if rec.Count >= StrangerGuesses {
			names = append(names, name)
		}
	}
	if len(among) == 0 {
		for id, l := range u.a.rec.guesses.List(ctx) {
			if l.Err != nil {
				return nil, storeFailed(l.Err)
			}
			name, ok := strings.CutPrefix(id, "account/")
			if ok && l.Value.Count >= StrangerGuesses && u.a.now().Before(l.Expires) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}
