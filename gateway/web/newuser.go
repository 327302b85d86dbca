package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// newUserPage is the form that adds a user.
func (p *Pages) newUserPage(r *http.Request, who auth.Identity) (adminForm, error) {
	groups, err := p.groupsChoice(r, who, nil)
	if err != nil {
		return adminForm{}, err
	}
	rule := p.auth.PasswordRule("")
	page := adminForm{frame: p.admin("Add a user", r, who, "Users")}
	page.Form = form{
		Action: newUserPath, Button: "Add user", Cancel: usersPath, Watch: true,
		Fields: []field{
			{Name: nameField, Label: "Name", Hint: "What the user signs in with: a-z, 0-9 and . _ - @ +. It stays.", Max: auth.MaxName, Required: true, Mono: true, Complete: "off"},
			{Name: displayField, Label: "Display name", Max: auth.MaxDisplayName, Complete: "off"},
			{Name: emailField, Label: "E-mail address", Type: "email", Hint: "A person needs one.", Max: auth.MaxEmail, Complete: "off"},
			{Name: kindField, Label: "Kind", Type: "radio", Options: []option{
				{Value: string(auth.Person), Label: "Person", Hint: "Signs in with a password and has these pages.", Chosen: true},
				{Value: string(auth.ServiceUser), Label: "Service", Hint: "For machines: has tokens and keys, no password and no pages."},
			}},
			groups,
			{Name: adminField, Label: "Administrator", Type: "check", Hint: "May do everything that you may do here."},
			{
				Name: firstField, Label: "First password", Type: "password", Complete: "new-password", Max: auth.MaxPassword,
				Least: rule.Least, Own: rule.Own, Words: strings.Join(rule.Words, " "),
				Hint: "Leave it empty to get a link, shown once, with which a person chooses their own.",
			},
			{Name: againField, Label: "The same password again", Type: "password", Complete: "new-password", Max: auth.MaxPassword},
		},
	}
	return page, nil
}

// ShowNewUser is GET /ui/admin/users/new.
func (p *Pages) ShowNewUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page, err := p.newUserPage(r, who)
	if err != nil {
		return err
	}
	return p.write(w, http.StatusOK, "adminform", page)
}

// AddUser is POST /ui/admin/users/new.
func (p *Pages) AddUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	page, err := p.newUserPage(r, who)
	if err != nil {
		return err
	}
	values, err := readFormWith(w, r, []string{groupsField}, page.Form.names()...)
	if err != nil {
		return err
	}
	user, now, err := p.addUser(r, who, values)
	if err != nil {
		return p.refusedForm(w, who, page, err, values)
	}
	if user.Kind == auth.Person && values.Get(firstField) == "" {
		return p.linkForNew(w, r, now, user)
	}
	return p.done(w, userPath(user.Name), "user-added")
}

// addUser makes the account. now is who after the password that the form
// brought along.
func (p *Pages) addUser(r *http.Request, who auth.Identity, values url.Values) (user auth.User, now auth.Identity, err error) {
	if now, err = p.unlockedBy(r, who, values); err != nil {
		return auth.User{}, now, err
	}
	if err = sameTwice(values, firstField); err != nil {
		return auth.User{}, now, err
	}
	user, err = p.auth.Users.Create(r.Context(), now, auth.NewUser{
		Name: values.Get(nameField), DisplayName: values.Get(displayField), Email: values.Get(emailField),
		Kind: auth.UserKind(values.Get(kindField)), Groups: typedGroups(values, groupsField), Admin: values.Has(adminField),
		Password: auth.NewSecret(values.Get(firstField)),
	})
	return user, now, aboutField(err, passwordField, firstField)
}
