package auth

import (
	"context"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// UserChange alters an account; nil fields stay.
type UserChange struct {
	Email, DisplayName                                               *string
	Groups                                                           *[]string
	Join, Leave                                                      []string // groups, beside those that the user is in
	Admin, MayUpdateProfile, InternalPasswordDisabled, PagesDisabled *bool
	// Password, for administrators acting on somebody else, is set with the
	// rest in one step, and ends what Passwords.Change ends; empty: it stays.
	Password Secret
}

// reserved reports a change that is an administrator's.
func (c UserChange) reserved() bool {
	return c.Groups != nil || len(c.Join) > 0 || len(c.Leave) > 0 || c.Admin != nil || c.MayUpdateProfile != nil ||
		c.InternalPasswordDisabled != nil || c.PagesDisabled != nil || !c.Password.Empty()
}

// Update alters an account. Owners in person may alter their e-mail address
// and display name, administrators everything. Of the groups that providers
// gave, Groups keeps and takes away and makes none its own; one that is joined
// stays whatever they say, and one that is left comes back when they give it
// again. Where mail is sent, an owner's
// new address only begins to wait, as ChangeEmail says, after the rest is done.
func (u *Users) Update(ctx context.Context, who Identity, name string, c UserChange) (user User, err error) {
	defer func() { u.a.Trail.acted(who, actUserUpdate, name, err) }()
	if err := u.a.may(ctx, who, actUserUpdate, name); err != nil {
		return User{}, err
	}
	if !who.Admin && c.reserved() {
		return User{}, forbidden("only an administrator changes groups, rights and policies of a user")
	}
	if who.User == name && c.Admin != nil && !*c.Admin {
		return User{}, forbidden("administrators do not take their own right away; ask another one")
	}
	var groups []string
	if c.Groups != nil {
		if groups, err = u.checkGroups(ctx, *c.Groups); err != nil {
			return User{}, err
		}
	}
	join, err := u.checkGroups(ctx, c.Join)
	if err != nil {
		return User{}, err
	}
	phc, err := u.a.Passwords.forAnother(ctx, who, name, c.Password)
	if err != nil {
		return User{}, err
	}
	var toConfirm *string
	if !who.Admin && u.a.SendsMail() {
		toConfirm, c.Email = c.Email, nil
	}
	var before account
	user, err = u.alter(ctx, name, func(acc *account) error {
		before = *acc
		if acc.ProfileFixed && !who.Admin {
			return profileKept()
		}
		if c.Email != nil {
			acc.setEmail(*c.Email)
		}
		if c.DisplayName != nil {
			acc.DisplayName = *c.DisplayName
		}
		if c.Groups != nil { // those that others give among them are still given
			u.a.lapse(acc) // but by who is not shown as giving them
			acc.Groups = slices.Clone(groups)
			acc.notGiven(func(g string) bool { return !slices.Contains(groups, g) })
		}
		for _, g := range join {
			insert(&acc.Groups, g)
		}
		for _, g := range c.Leave {
			remove(&acc.Groups, g)
		}
		acc.notGiven(func(g string) bool { return slices.Contains(join, g) || slices.Contains(c.Leave, g) })
		if len(acc.Groups) > maxGroupsOf {
			return invalid("groups", "a user is in at most %d groups", maxGroupsOf)
		}
		if c.Admin != nil {
			acc.Admin = *c.Admin
		}
		if c.MayUpdateProfile != nil {
			acc.ProfileFixed = !*c.MayUpdateProfile
		}
		if off := c.InternalPasswordDisabled; off != nil && *off != acc.PasswordDisabled {
			if acc.PasswordDisabled = *off; *off {
				acc.endPassword()
			}
		}
		if off := c.PagesDisabled; off != nil && *off != acc.PagesDisabled {
			if acc.PagesDisabled = *off; *off {
				acc.Epochs.Session++
			}
		}
		if phc != "" {
			if acc.Kind == ServiceUser {
				return noServicePassword("password")
			}
			acc.setPassword(phc)
		}
		return acc.check()
	})
	if phc != "" {
		u.a.Trail.acted(who, actPasswordChange, name, err)
	}
	if err != nil {
		return User{}, err
	}
	u.tellOld(name, before, user.Email)
	if phc != "" {
		u.a.passwordChanged(name, before)
	}
	if err := u.leaveGone(ctx, name, append(groups, join...)); err != nil || toConfirm == nil {
		return user, err
	}
	_, err = u.ChangeEmail(ctx, who, name, *toConfirm)
	return user, err
}

func (u *Users) alter(ctx context.Context, name string, change func(*account) error) (User, error) {
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, err := u.a.rec.accounts.Update(ctx, name, func(acc *account, _ *time.Time) error {
		acc.Updated = u.a.now().UTC()
		return change(acc)
	})
	if gone(err) {
		return User{}, notFound("user " + name)
	}
	u.a.lapse(&acc)
	return acc.user(name), storeFailed(err)
}

// leaveGone takes name out of those groups, just given, that went after they
// were checked: their removal may have passed name by already.
func (u *Users) leaveGone(ctx context.Context, name string, groups []string) error {
	for _, g := range groups {
		_, _, err := u.a.rec.groups.Get(ctx, g)
		if gone(err) {
			_, err = u.a.rec.accounts.Update(ctx, name, func(acc *account, _ *time.Time) error {
				if !acc.leave(g) {
					return keystore.ErrSkip
				}
				return nil
			})
			if err == nil || gone(err) {
				return invalid("groups", "the group %q has just been deleted", g)
			}
		}
		if err != nil {
			return storeFailed(err)
		}
	}
	return nil
}

// checkGroups sorts names and checks that each is a group.
func (u *Users) checkGroups(ctx context.Context, names []string) ([]string, error) {
	out := slices.Compact(slices.Sorted(slices.Values(names)))
	if len(out) > maxGroupsOf {
		return nil, invalid("groups", "a user is in at most %d groups", maxGroupsOf)
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	for _, g := range out {
		if !validGroupName(g) {
			return nil, invalid("groups", "%q is not a group name", g)
		}
		if _, _, err := u.a.rec.groups.Get(ctx, g); gone(err) {
			return nil, invalid("groups", "there is no group %q; create it first", g)
		} else if err != nil {
			return nil, storeFailed(err)
		}
	}
	return out, nil
}
