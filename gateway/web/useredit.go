package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// was begins the names of what a form showed when it was made. Only what
// differs from it is changed, so that what another administrator changed
// meanwhile stays.
const was = "was_"

// editUserPage is the form about one user.
func (p *Pages) editUserPage(r *http.Request, who auth.Identity) (auth.User, adminForm, error) {
	user, err := p.userOf(r, who)
	if err != nil {
		return auth.User{}, adminForm{}, err
	}
	groups, err := p.groupsChoice(r, who, user.Groups)
	if err != nil {
		return auth.User{}, adminForm{}, err
	}
	fields := []field{
		{Name: displayField, Label: "Display name", Value: user.DisplayName, Max: auth.MaxDisplayName, Complete: "off"},
		{Name: emailField, Label: "E-mail address", Type: "email", Value: user.Email, Max: auth.MaxEmail, Complete: "off"},
		groups,
	}
	if user.Name != who.User { // nobody takes the own right away
		fields = append(fields, field{Name: adminField, Label: "Administrator", Type: "check", Chosen: user.Admin, Hint: "May do everything that you may do here."})
	}
	if user.Kind == auth.Person {
		fields = append(fields,
			field{Name: ownField, Label: "May update the profile", Type: "check", Chosen: user.MayUpdateProfile,
				Hint: "Without it, only administrators change the password, display name, e-mail address and SSH keys."},
			field{Name: awayField, Label: "Password is kept elsewhere", Type: "check", Chosen: user.InternalPasswordDisabled,
				Hint: "The password kept here does not work any more, nor does what was made with it; sessions end."},
			field{Name: noPagesField, Label: "No sign-in in a browser", Type: "check", Chosen: user.PagesDisabled,
				Hint: "Sessions end. Passwords, keys and tokens of programs go on."})
	}
	page := adminForm{frame: p.admin("Edit "+user.Name, r, who, "Users")}
	page.Form = form{Action: userActPath(user.Name, "edit"), Button: "Save", Cancel: userPath(user.Name), Watch: true, Fields: fields, Hidden: asShown(fields)}
	return user, page, nil
}

// asShown are the values of fields, to be sent along.
func asShown(fields []field) []hidden {
	var shown []hidden
	for _, f := range fields {
		value := f.Value
		switch f.Type {
		case "check":
			value = ""
			if f.Chosen {
				value = "1"
			}
		case "checks":
			var chosen []string
			for _, o := range f.Options {
				if o.Chosen {
					chosen = append(chosen, o.Value)
				}
			}
			value = strings.Join(chosen, ", ")
		}
		shown = append(shown, hidden{was + f.Name, value})
	}
	return shown
}

// ShowEditUser is GET /ui/admin/users/{user}/edit.
func (p *Pages) ShowEditUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	_, page, err := p.editUserPage(r, who)
	if err != nil {
		return err
	}
	return p.write(w, http.StatusOK, "adminform", page)
}

// EditUser is POST /ui/admin/users/{user}/edit.
func (p *Pages) EditUser(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	user, page, err := p.editUserPage(r, who)
	if err != nil {
		return err
	}
	values, err := readFormWith(w, r, []string{groupsField}, page.Form.names()...)
	if err != nil {
		return err
	}
	for i, h := range page.Form.Hidden { // what was shown then, not now
		page.Form.Hidden[i].Value = values.Get(h.Name)
	}
	now, err := p.unlockedBy(r, who, values)
	if err == nil {
		_, err = p.auth.Users.Update(r.Context(), now, user.Name, changeOf(page.Form, values))
	}
	if err != nil {
		return p.refusedForm(w, who, page, err, values)
	}
	return p.done(w, userPath(user.Name), "user-saved")
}

// changeOf is what a form changes of what it showed. A field that it did not
// show changes nothing.
func changeOf(f form, values url.Values) auth.UserChange {
	var c auth.UserChange
	for _, in := range f.Fields {
		switch in.Name {
		case displayField:
			c.DisplayName = changedText(values, in.Name)
		case emailField:
			c.Email = changedText(values, in.Name)
		case groupsField:
			before, after := typedGroups(values, was+groupsField), typedGroups(values, groupsField)
			c.Join, c.Leave = without(after, before), without(before, after)
		case adminField:
			c.Admin = changedMark(values, in.Name)
		case ownField:
			c.MayUpdateProfile = changedMark(values, in.Name)
		case awayField:
			c.InternalPasswordDisabled = changedMark(values, in.Name)
		case noPagesField:
			c.PagesDisabled = changedMark(values, in.Name)
		}
	}
	return c
}

// changedText is what was typed, or nil where that is what the form showed.
func changedText(values url.Values, name string) *string {
	if text := values.Get(name); text != values.Get(was+name) {
		return &text
	}
	return nil
}

// changedMark is whether a check box is set, or nil where it was so.
func changedMark(values url.Values, name string) *bool {
	if set := values.Has(name); set != (values.Get(was+name) != "") {
		return &set
	}
	return nil
}

// without are those of names that are not in others.
func without(names, others []string) []string {
	gone := make(map[string]bool, len(others)) // a form has room for thousands
	for _, name := range others {
		gone[name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return gone[name] })
}
