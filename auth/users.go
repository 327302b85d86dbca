package auth

import (
	"context"
	"errors"
	"fmt"
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
	acc.drawEpochs()
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
	if err := u.put(ctx, name, acc); err != nil {
		return User{}, err
	}
	return acc.user(name), u.leaveGone(ctx, name, acc.Groups)
}

// put keeps a new account. Errors: Exists.
func (u *Users) put(ctx context.Context, name string, acc account) error {
	if err := u.list(ctx, name); err != nil {
		return err
	}
	err := u.a.rec.accounts.Create(ctx, name, acc, time.Time{})
	if errors.Is(err, keystore.ErrExists) {
		return &Error{Code: Exists, Field: "name", Reason: fmt.Sprintf("there is a user %s already", name)}
	} else if err != nil {
		return storeFailed(err)
	}
	// Once more, as a namesake's removal may have taken the name off meanwhile.
	return u.list(ctx, name)
}

// drawEpochs begins the counters of a new account, each somewhere else than a
// namesake's that is gone.
func (acc *account) drawEpochs() {
	e := &acc.Epochs
	for _, of := range []*uint64{&e.Password, &e.Encrypted, &e.Key, &e.Token, &e.Session, &e.SSHKey, &e.Upstream, &e.Binding} {
		*of = randomEpoch()
	}
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
	u.a.lapse(&acc)
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

// Disable ends all sessions and tokens of the account for good and silences
// its keys and linked accounts until it is enabled.
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
	steps := []func(context.Context, string) error{a.Keys.sweep, a.Tokens.sweep, a.SSHKeys.sweep, a.Bindings.sweep, a.Sessions.sweep, a.Upstreams.sweep, a.Passwords.sweepLinks, a.clearGuesses}
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
