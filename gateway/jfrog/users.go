package jfrog

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Where the accounts lie, below the public URL.
const (
	usersV1 = "/artifactory/api/security/users/"
	usersV2 = "/access/api/v2/users/"
)

// Status words of accounts. An account whose guess budget is spent now is
// locked; nothing else locks one.
const (
	statusEnabled  = "enabled"
	statusDisabled = "disabled"
	statusLocked   = "locked"
)

// realmInternal is where every account made here comes from.
const realmInternal = "internal"

// userFields is what a body says of an account, in either version of the API.
// Nil is absent.
type userFields struct {
	name, email                           *string
	password                              auth.Secret // empty: absent
	admin, updatable, noPages, noPassword *bool
	groups                                *[]string

	// Said back by clients that read them here.
	realm, status, uri *string
	effectiveAdmin     *bool

	nameKey, noPasswordKey string // as the body spells them
	grants                 []flag
}

// flag is a key for something that is granted elsewhere and is not there here.
type flag struct {
	key string
	on  *bool
}

// allOff refuses flags that are set: whoever sets one would believe that it
// does something.
func allOff(flags []flag) error {
	for _, f := range flags {
		if f.on != nil && *f.on {
			return invalid(f.key, f.key+" stands for nothing here; leave it out, or false")
		}
	}
	return nil
}

// about checks what the body says of the account's identity: the name, where
// it is given, is the path's, and what cannot be set here says what is so.
// is is the account, or as a new one will be.
func (f *userFields) about(is auth.User, uri string) error {
	if err := allOff(f.grants); err != nil {
		return err
	}
	if f.name != nil {
		if name, err := auth.CanonicalName(*f.name); err != nil || name != is.Name {
			return invalid(f.nameKey, f.nameKey+" must be the name in the path; a user is not renamed")
		}
	}
	if f.realm != nil && *f.realm != "" && *f.realm != is.Realm {
		return invalid("realm", "the realm of a user is not set here; leave it out")
	}
	if f.status != nil && *f.status != "" && (*f.status == statusDisabled) == is.Enabled {
		return invalid("status", "the status of a user is not set here; leave it out, and use Latchkey's own API to disable or enable")
	}
	if f.uri != nil && *f.uri != "" && *f.uri != uri {
		return invalid("uri", "the uri of a user is not set here; leave it out")
	}
	admin := is.Admin
	if f.admin != nil {
		admin = *f.admin
	}
	if f.effectiveAdmin != nil && *f.effectiveAdmin != admin {
		return invalid("effective_admin", "effective_admin follows admin; leave it out")
	}
	return nil
}

// newUser is the account that the body makes.
func (f *userFields) newUser(name string) auth.NewUser {
	n := auth.NewUser{
		Name: name, Password: f.password, Admin: said(f.admin),
		ProfileFixed:             f.updatable != nil && !*f.updatable,
		InternalPasswordDisabled: said(f.noPassword),
		PagesDisabled:            said(f.noPages),
	}
	if f.email != nil {
		n.Email = *f.email
	}
	if f.groups != nil {
		n.Groups = *f.groups
	}
	return n
}

// change is what the body alters.
func (f *userFields) change() auth.UserChange {
	return auth.UserChange{
		Email: f.email, Groups: f.groups, Admin: f.admin,
		MayUpdateProfile: f.updatable, InternalPasswordDisabled: f.noPassword, PagesDisabled: f.noPages,
		Password: f.password,
	}
}

// createUser makes the account that the body describes. A person needs an
// address, and a password unless none is kept here.
func (a *API) createUser(ctx context.Context, who auth.Identity, name string, f *userFields) (auth.User, error) {
	if who.Admin {
		if f.email == nil || *f.email == "" {
			return auth.User{}, invalid("email", "a new user needs an email")
		}
		if f.password.Empty() && !said(f.noPassword) {
			return auth.User{}, invalid("password", "a new user needs a password, or "+f.noPasswordKey)
		}
	}
	return a.auth.Users.Create(ctx, who, f.newUser(name))
}

// updateUser alters an account in one step, the password with the rest.
func (a *API) updateUser(ctx context.Context, who auth.Identity, name string, is auth.User, f *userFields) (auth.User, error) {
	if f.noPassword != nil && !*f.noPassword && is.InternalPasswordDisabled && f.password.Empty() {
		return auth.User{}, invalid("password", "a password is needed where "+f.noPasswordKey+" becomes false")
	}
	if !f.password.Empty() && who.User == name {
		return auth.User{}, ownPassword()
	}
	return a.auth.Users.Update(ctx, who, name, f.change())
}

// alterUser changes what the body names, and nothing that it leaves out.
func (a *API) alterUser(r *http.Request, who auth.Identity, name string, in *userFields, uri string) (auth.User, error) {
	is, _, err := a.seenUser(r.Context(), who, name)
	if err != nil {
		return auth.User{}, err
	}
	if err := in.about(is, uri); err != nil {
		return auth.User{}, err
	}
	return a.updateUser(r.Context(), who, name, is, in)
}

// replaceAll gives what the body leaves out the value that it has in a new
// account, but for the password.
func (f *userFields) replaceAll() {
	yes, no := true, false
	for _, b := range []struct {
		at   **bool
		then *bool
	}{{&f.admin, &no}, {&f.updatable, &yes}, {&f.noPages, &no}, {&f.noPassword, &no}} {
		if *b.at == nil {
			*b.at = b.then
		}
	}
	if f.groups == nil {
		f.groups = &[]string{}
	}
}

// seenUser is the account as it is. Whoever may not see it, or finds none, gets it
// as a new one would be: the change that follows is then judged, and noted in
// the trail.
func (a *API) seenUser(ctx context.Context, who auth.Identity, name string) (user auth.User, there bool, err error) {
	user, err = a.auth.Users.Get(ctx, who, name)
	switch auth.CodeOf(err) {
	case "":
		return user, true, nil
	case auth.Forbidden, auth.NotFound:
		return auth.User{Name: name, Realm: realmInternal, Enabled: true}, false, nil
	}
	return auth.User{}, false, err
}

// notOwn refuses a user who asks for the own account: accounts are the
// administrators' in this dialect. Other people's are guarded by auth.
func notOwn(who auth.Identity, name string) error {
	if who.User == name && !who.Admin {
		return &auth.Error{Code: auth.Forbidden, Reason: "only administrators read and change accounts here"}
	}
	return nil
}

// onlyAdmin refuses everybody but administrators.
func onlyAdmin(who auth.Identity) error {
	if !who.Admin {
		return &auth.Error{Code: auth.Forbidden, Reason: "only administrators may do this"}
	}
	return nil
}

// pathUser is the user in the path. A name that cannot be one is nobody's.
func pathUser(r *http.Request) (string, error) {
	name, err := auth.CanonicalName(r.PathValue("user"))
	if err != nil {
		return "", &auth.Error{Code: auth.NotFound, Reason: "there is no user of such a name", Err: err}
	}
	return name, nil
}

// pathAccount is pathUser, for what administrators alone do even to their own
// account.
func pathAccount(r *http.Request, who auth.Identity) (string, error) {
	name, err := pathUser(r)
	if err != nil {
		return "", err
	}
	return name, notOwn(who, name)
}

// everyUser walks over all accounts, by name.
func (a *API) everyUser(ctx context.Context, who auth.Identity, visit func(auth.User)) error {
	for after := ""; ; {
		users, next, err := a.auth.Users.List(ctx, who, auth.Query{After: after, Limit: maxPage})
		if err != nil {
			return err
		}
		for _, u := range users {
			visit(u)
		}
		if after = next; after == "" {
			return nil
		}
	}
}

// membership is the body that changes who is in a group.
type membership struct {
	Add    []string `json:"add"`
	Remove []string `json:"remove"`
}

// check bounds the lists and refuses names that stand in both.
func (m membership) check() error {
	if len(m.Add)+len(m.Remove) > maxNames {
		return invalid("", "at most 1000 names are added and removed at once")
	}
	for _, name := range m.Add {
		if slices.Contains(m.Remove, name) {
			return invalid("add", "a name is both added and removed")
		}
	}
	return nil
}

// statusOf is the status word of an account; locked are those whose guess
// budget is spent.
func statusOf(u auth.User, locked []string) string {
	switch {
	case !u.Enabled:
		return statusDisabled
	case slices.Contains(locked, u.Name):
		return statusLocked
	}
	return statusEnabled
}

// uriOf is where an account or group is found.
func (a *API) uriOf(below, name string) string { return a.origin + below + url.PathEscape(name) }

// stamp is a time as the dialect writes it; empty for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}
