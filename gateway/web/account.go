package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-io/latchkey/auth"
)

// Addresses of the account.
const (
	accountPath         = profilePath + "/account"
	accountNamePath     = accountPath + "/name"
	accountEmailPath    = accountPath + "/email"
	accountPasswordPath = accountPath + "/password"
)

// accountPage is who the person is here.
type accountPage struct {
	frame
	Account  auth.User
	Groups   string // with commas
	Ends     moment // of being signed in
	Through  string // the provider that the session was begun through; empty: with the password
	Pending  string // the address that waits to be confirmed; empty: none
	PendTill moment

	Fixed      string // why nothing can be changed; empty: it can
	NoPassword string // why the password cannot be; empty: it can
	Name       form   // the display name
	Email      form
	Password   form
}

// Sent reports that one of the forms comes back.
func (a accountPage) Sent() bool { return a.Name.Sent || a.Email.Sent || a.Password.Sent }

// ShowAccount is GET /ui/profile/account.
func (p *Pages) ShowAccount(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page, err := p.accountOf(r, who)
	if err != nil {
		return err
	}
	return p.write(w, http.StatusOK, "account", page)
}

// accountOf fills in the page.
func (p *Pages) accountOf(r *http.Request, who auth.Identity) (accountPage, error) {
	ctx := r.Context()
	user, err := p.auth.Users.Get(ctx, who, who.User)
	if err != nil {
		return accountPage{}, err
	}
	page := accountPage{
		frame: p.profile("Account", r, who, "Account"), Account: user,
		Groups: strings.Join(user.Groups, ", "), Ends: p.moment(who.Expires),
	}
	if who.Provider != "" {
		page.Through = p.titleOf(who.Provider)
	}
	var till time.Time
	if page.Pending, till, err = p.auth.Users.PendingEmail(ctx, who, who.User); err != nil {
		return accountPage{}, err
	}
	page.PendTill = p.moment(till)
	if profileKept(user, who) {
		page.Fixed = "Your profile is kept by the administrators. Ask one of them to change something here."
	}
	switch {
	case user.InternalPasswordDisabled && user.Realm != localRealm:
		page.NoPassword = "You sign in through " + p.titleOf(user.Realm) + ", and have no password here. Change the one that you have there."
	case user.InternalPasswordDisabled:
		page.NoPassword = "Your password is not kept here. Change it where you sign in with it everywhere else; if you do not know where that is, ask an administrator."
	case p.auth.Policy().KeepPasswords && !who.Admin:
		page.NoPassword = "Passwords are changed by the administrators here. Ask one of them for another."
	}
	page.Name = form{
		Action: accountNamePath, Button: "Save", Watch: true,
		Fields: []field{{Name: "display_name", Label: "Display name", Value: user.DisplayName, Complete: "name", Max: auth.MaxDisplayName,
			Hint: "What people read beside your user name."}},
	}
	hint := "It changes at once."
	if p.auth.SendsMail() {
		hint = "A mail with a link goes to the new address, and the change counts once you have opened the link. The present address is told."
	}
	page.Email = form{
		Action: accountEmailPath, Button: "Save", Watch: true,
		Fields: []field{{Name: "email", Label: "E-mail address", Type: "email", Value: user.Email, Complete: "email", Max: auth.MaxEmail, Required: true, Hint: hint}},
	}
	page.Password = form{
		Action: accountPasswordPath, Button: "Save", Watch: true,
		Fields: append([]field{{Name: "old", Label: "Current password", Type: "password", Complete: "current-password", Required: true}}, p.newPassword(who.User)...),
	}
	return page, nil
}

// profileKept reports a profile that the administrators keep: what its owner
// would change, auth refuses, and so it is not offered.
func profileKept(user auth.User, who auth.Identity) bool { return !user.MayUpdateProfile && !who.Admin }

// saveAccount does what one of the forms asks for, or shows it again.
func (p *Pages) saveAccount(w http.ResponseWriter, r *http.Request, who auth.Identity, of func(*accountPage) *form,
	save func(ctx context.Context, who auth.Identity, values url.Values) (notice string, err error)) error {
	page, err := p.accountOf(r, who)
	if err != nil {
		return err
	}
	f := of(&page)
	values, err := readForm(w, r, f.names()...)
	if err != nil {
		return err
	}
	notice := ""
	if who, err = p.unlockedBy(r, who, values); err == nil {
		notice, err = save(r.Context(), who, values)
	}
	if err == nil {
		return p.done(w, accountPath, notice)
	}
	page.Lock = p.lockOf(lockedBy(who, err), accountPath)
	again, status, ok := p.refused(w, who, *f, err, values)
	if !ok {
		return err
	}
	*f = again
	return p.write(w, status, "account", page)
}

// SaveName is POST /ui/profile/account/name.
func (p *Pages) SaveName(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.saveAccount(w, r, who, func(a *accountPage) *form { return &a.Name }, func(ctx context.Context, who auth.Identity, values url.Values) (string, error) {
		name := strings.TrimSpace(values.Get("display_name"))
		_, err := p.auth.Users.Update(ctx, who, who.User, auth.UserChange{DisplayName: &name})
		return "saved", err
	})
}

// SaveEmail is POST /ui/profile/account/email. The present address, given
// once more, takes back a change that waits.
func (p *Pages) SaveEmail(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.saveAccount(w, r, who, func(a *accountPage) *form { return &a.Email }, func(ctx context.Context, who auth.Identity, values url.Values) (string, error) {
		pending, err := p.auth.Users.ChangeEmail(ctx, who, who.User, strings.TrimSpace(values.Get("email")))
		if pending {
			return "email-pending", err
		}
		return "saved", err
	})
}

// SavePassword is POST /ui/profile/account/password.
func (p *Pages) SavePassword(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return p.saveAccount(w, r, who, func(a *accountPage) *form { return &a.Password }, func(ctx context.Context, who auth.Identity, values url.Values) (string, error) {
		if err := sameTwice(values, newField); err != nil {
			return "", err
		}
		return "password-changed", p.auth.Passwords.Change(ctx, who, who.User, auth.NewSecret(values.Get("old")), auth.NewSecret(values.Get(newField)))
	})
}
