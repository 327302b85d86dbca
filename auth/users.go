package auth

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/keystore"
)

// Users keeps the accounts.
type Users struct{ a *Authority }

// UserKind says what an account is for.
type UserKind string

const (
	Person      UserKind = "person"
	ServiceUser UserKind = "service" // for machines: no password, no pages
)

// internalRealm is where users made here come from.
const internalRealm = "internal"

// User is an account as its owner and administrators see it.
type User struct {
	Name                     string    `json:"name"`
	Email                    string    `json:"email,omitempty"`
	DisplayName              string    `json:"display_name,omitempty"`
	Groups                   []string  `json:"groups"`
	Admin                    bool      `json:"admin"`
	Enabled                  bool      `json:"enabled"`
	MayUpdateProfile         bool      `json:"may_update_profile"`
	InternalPasswordDisabled bool      `json:"internal_password_disabled"`
	PasswordExpired          bool      `json:"password_expired,omitempty"`
	PagesDisabled            bool      `json:"pages_disabled,omitempty"` // no sign-in in a browser
	Realm                    string    `json:"realm"`
	Kind                     UserKind  `json:"kind"`
	Created                  time.Time `json:"created"`
	Updated                  time.Time `json:"updated"`
	// LastSignIn is when a password was last right, to within a day; only Get
	// tells it.
	LastSignIn time.Time `json:"last_sign_in,omitzero"`
}

// NewUser is an account to be made.
type NewUser struct {
	Name, Email, DisplayName string
	Groups                   []string // must exist
	Admin                    bool
	Kind                     UserKind // "": Person
	Password                 Secret   // empty: none yet
	ProfileFixed             bool     // the user may not update the own profile
	InternalPasswordDisabled bool
	PagesDisabled            bool // no sign-in in a browser
}

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

// Query selects a page of a list.
type Query struct {
	Search string // part of the name
	After  string // the last name of the page before
	Limit  int    // 0: 100, at most 1000
}

const (
	userShards   = 64
	maxPage      = 1000
	defaultPage  = 100
	maxUserNames = 64 << 10 // names in one shard of the index
	maxGroupsOf  = 200      // groups of one user
)

func shardOf(name string) string {
	h := fnv.New32a()
	h.Write([]byte(name))
	return strconv.Itoa(int(h.Sum32() % userShards))
}

func (acc *account) user(name string) User {
	return User{
		Name: name, Email: acc.Email, DisplayName: acc.DisplayName,
		Groups: append([]string{}, acc.Groups...), Admin: acc.Admin, Enabled: !acc.Disabled,
		MayUpdateProfile: !acc.ProfileFixed, InternalPasswordDisabled: acc.PasswordDisabled,
		PasswordExpired: acc.PasswordExpired, PagesDisabled: acc.PagesDisabled,
		Realm: acc.Realm, Kind: acc.Kind, Created: acc.Created, Updated: acc.Updated,
	}
}

// Create makes an account. Errors: Invalid, Exists.
func (u *Users) Create(ctx context.Context, who Identity, n NewUser) (user User, err error) {
	defer func() { u.a.Trail.acted(who, actUserCreate, n.Name, err) }()
	if err := u.a.may(ctx, who, actUserCreate, ""); err != nil {
		return User{}, err
	}
	return u.create(ctx, who, n)
}

func (u *Users) create(ctx context.Context, who Identity, n NewUser) (User, error) {
	name, err := CanonicalName(n.Name)
	if err != nil {
		return User{}, err
	}
	if n.Kind == "" {
		n.Kind = Person
	}
	now := u.a.now().UTC()
	acc := account{
		UID: randomID(), Email: n.Email, DisplayName: n.DisplayName, Admin: n.Admin,
		ProfileFixed: n.ProfileFixed, PasswordDisabled: n.InternalPasswordDisabled, PagesDisabled: n.PagesDisabled,
		Realm: internalRealm, Kind: n.Kind, Created: now, Updated: now,
	}
	for _, e := range []*uint64{&acc.Epochs.Password, &acc.Epochs.Encrypted, &acc.Epochs.Key, &acc.Epochs.Token, &acc.Epochs.Session} {
		*e = randomEpoch()
	}
	if acc.Groups, err = u.checkGroups(ctx, n.Groups); err != nil {
		return User{}, err
	}
	if err := acc.check(); err != nil {
		return User{}, err
	}
	if !n.Password.Empty() {
		if n.Kind == ServiceUser {
			return User{}, noServicePassword("password")
		}
		if err := u.a.goodPassword(name, n.Password.Reveal(), "password"); err != nil {
			return User{}, err
		}
		if acc.Password, err = u.a.hash(ctx, n.Password); err != nil {
			return User{}, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	if err := u.list(ctx, name); err != nil {
		return User{}, err
	}
	err = u.a.rec.accounts.Create(ctx, name, acc, time.Time{})
	if errors.Is(err, keystore.ErrExists) {
		return User{}, &Error{Code: Exists, Field: "name", Reason: fmt.Sprintf("there is a user %s already", name)}
	} else if err != nil {
		return User{}, storeFailed(err)
	}
	// Once more, as a namesake's removal may have taken the name off meanwhile.
	if err := u.list(ctx, name); err != nil {
		return User{}, err
	}
	return acc.user(name), u.leaveGone(ctx, name, acc.Groups)
}

// list puts name into the index.
func (u *Users) list(ctx context.Context, name string) error {
	_, err := u.a.rec.index.Upsert(ctx, shardOf(name), func(l *nameList, _ *time.Time) error {
		if len(l.Names) >= maxUserNames {
			return invalid("name", "there is no room for another user")
		}
		if !insert(&l.Names, name) {
			return keystore.ErrSkip
		}
		return nil
	})
	return storeFailed(err)
}

// leaveGone takes name out of those groups, just given, that went after they
// were checked: their removal may have passed name by already.
func (u *Users) leaveGone(ctx context.Context, name string, groups []string) error {
	for _, g := range groups {
		_, _, err := u.a.rec.groups.Get(ctx, g)
		if gone(err) {
			_, err = u.a.rec.accounts.Update(ctx, name, func(acc *account, _ *time.Time) error {
				if !remove(&acc.Groups, g) {
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

// check tells what is wrong with the record's own fields.
func (acc *account) check() error {
	if acc.Kind != Person && acc.Kind != ServiceUser {
		return invalid("kind", "a user is of kind person or service")
	}
	if acc.Email == "" && acc.Kind == Person && acc.Realm == internalRealm {
		return invalid("email", "a person needs an e-mail address")
	}
	if acc.Email != "" {
		if err := checkEmail(acc.Email); err != nil {
			return err
		}
	}
	return checkDisplayName(acc.DisplayName)
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

// Get shows an account to its owner or an administrator.
func (u *Users) Get(ctx context.Context, who Identity, name string) (User, error) {
	if err := u.a.may(ctx, who, actUserShow, name); err != nil {
		return User{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, storeDeadline)
	defer cancel()
	acc, _, err := u.a.rec.accounts.Get(ctx, name)
	if gone(err) {
		return User{}, notFound("user " + name)
	} else if err != nil {
		return User{}, storeFailed(err)
	}
	user := acc.user(name)
	places, _, err := u.a.rec.places.Get(ctx, name)
	if err != nil && !gone(err) {
		return User{}, storeFailed(err)
	}
	for _, at := range places.Last {
		if last := time.Unix(at, 0).UTC(); places.UID == acc.UID && last.After(user.LastSignIn) {
			user.LastSignIn = last
		}
	}
	return user, nil
}

// List shows a page of all accounts, by name; next is the cursor of the page
// after it, empty at the end. For administrators.
func (u *Users) List(ctx context.Context, who Identity, q Query) (users []User, next string, err error) {
	if err := u.a.may(ctx, who, actUserList, ""); err != nil {
		return nil, "", err
	}
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, maxPage)
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	names, err := u.names(ctx)
	if err != nil {
		return nil, "", err
	}
	for _, name := range names {
		if name <= q.After || !strings.Contains(name, strings.ToLower(q.Search)) {
			continue
		}
		if len(users) == q.Limit {
			return users, users[len(users)-1].Name, nil
		}
		acc, _, err := u.a.rec.accounts.Get(ctx, name)
		if gone(err) { // a listing whose account was never made, or is just going
			continue
		} else if err != nil {
			return nil, "", storeFailed(err)
		}
		users = append(users, acc.user(name))
	}
	return users, "", nil
}

// names reads the whole index, sorted.
func (u *Users) names(ctx context.Context) ([]string, error) {
	var all []string
	for i := range userShards {
		l, _, err := u.a.rec.index.Get(ctx, strconv.Itoa(i))
		if err != nil && !gone(err) {
			return nil, storeFailed(err)
		}
		all = append(all, l.Names...)
	}
	slices.Sort(all)
	return all, nil
}

// Update alters an account. Owners in person may alter their e-mail address
// and display name, administrators everything.
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
	user, err = u.alter(ctx, name, func(acc *account) error {
		if acc.ProfileFixed && !who.Admin {
			return forbidden("your profile is kept by the administrators; ask them")
		}
		if c.Email != nil {
			acc.Email = *c.Email
		}
		if c.DisplayName != nil {
			acc.DisplayName = *c.DisplayName
		}
		if c.Groups != nil {
			acc.Groups = slices.Clone(groups)
		}
		for _, g := range join {
			insert(&acc.Groups, g)
		}
		for _, g := range c.Leave {
			remove(&acc.Groups, g)
		}
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
	if phc != "" && u.a.c.PasswordChanged != nil {
		u.a.c.PasswordChanged(name)
	}
	return user, u.leaveGone(ctx, name, append(groups, join...))
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
	return acc.user(name), storeFailed(err)
}

// Disable ends all sessions and tokens of the account for good and silences
// its keys until it is enabled.
func (u *Users) Disable(ctx context.Context, who Identity, name string) (err error) {
	defer func() { u.a.Trail.acted(who, actUserDisable, name, err) }()
	if err := u.a.may(ctx, who, actUserDisable, name); err != nil {
		return err
	}
	if who.User == name {
		return forbidden("administrators do not disable themselves; ask another one")
	}
	_, err = u.alter(ctx, name, func(acc *account) error {
		if acc.Disabled {
			return nil
		}
		acc.Disabled = true
		acc.Epochs.Session++
		acc.Epochs.Token++
		acc.Epochs.Encrypted++
		return nil
	})
	return err
}

// Enable lets the account in again.
func (u *Users) Enable(ctx context.Context, who Identity, name string) (err error) {
	defer func() { u.a.Trail.acted(who, actUserEnable, name, err) }()
	if err := u.a.may(ctx, who, actUserEnable, name); err != nil {
		return err
	}
	_, err = u.alter(ctx, name, func(acc *account) error {
		acc.Disabled = false
		return nil
	})
	return err
}

// Delete ends the account and everything it has. A namesake made later shares
// nothing with it.
func (u *Users) Delete(ctx context.Context, who Identity, name string) (err error) {
	defer func() { u.a.Trail.acted(who, actUserDelete, name, err) }()
	if err := u.a.may(ctx, who, actUserDelete, name); err != nil {
		return err
	}
	if who.User == name {
		return forbidden("administrators do not delete themselves; ask another one")
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeDeadline)
	defer cancel()
	// The account first: with it all its credentials are dead. What follows
	// tidies up, and may be repeated where it was cut off.
	err = u.a.rec.accounts.Delete(ctx, name)
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	existed := err == nil
	if err := u.a.sweep(ctx, name); err != nil {
		return err
	}
	_, err = u.a.rec.index.Update(ctx, shardOf(name), func(l *nameList, _ *time.Time) error {
		if !remove(&l.Names, name) {
			return keystore.ErrSkip
		}
		return nil
	})
	if err != nil && !gone(err) {
		return storeFailed(err)
	}
	if _, _, err := u.a.rec.accounts.Get(ctx, name); err == nil { // a namesake, made meanwhile
		return u.list(ctx, name)
	} else if !gone(err) {
		return storeFailed(err)
	}
	if !existed {
		return notFound("user " + name)
	}
	return nil
}

// sweep removes what the lists of a deleted account name, then the lists.
func (a *Authority) sweep(ctx context.Context, name string) error {
	steps := []func(context.Context, string) error{a.Keys.sweep, a.Tokens.sweep, a.SSHKeys.sweep, a.Sessions.sweep, a.clearGuesses}
	for _, step := range steps {
		if err := step(ctx, name); err != nil {
			return storeFailed(err)
		}
	}
	if err := a.rec.places.Delete(ctx, name); err != nil && !gone(err) {
		return storeFailed(err)
	}
	return nil
}

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
	if len(among) > 0 {
		slices.Sort(names)
		return names, nil
	}
	for id, l := range u.a.rec.guesses.List(ctx) {
		if l.Err != nil {
			return nil, storeFailed(l.Err)
		}
		name, ok := strings.CutPrefix(id, "account/")
		if ok && l.Value.Count >= StrangerGuesses && u.a.now().Before(l.Expires) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
