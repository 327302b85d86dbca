package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// Fields of the forms about a user. The first password has other names than
// the current one of whoever sends the form.
const (
	nameField    = "name"
	displayField = "display_name"
	emailField   = "email"
	kindField    = "kind"
	groupsField  = "groups"
	adminField   = "admin"
	ownField     = "may_update_profile"
	awayField    = "internal_password_disabled"
	noPagesField = "pages_disabled"
	firstField   = "first"
	againField   = "again"
)

// mostChecks is how many groups are offered as check boxes; of more, names are
// typed.
const mostChecks = 40

// adminForm is a page of the administration that is one form.
type adminForm struct {
	frame
	Said []string // paragraphs above
	Form form
}

// refusedForm answers a form that was refused with what was typed.
func (p *Pages) refusedForm(w http.ResponseWriter, who auth.Identity, page adminForm, err error, values url.Values) error {
	f, status, ok := p.refused(w, who, page.Form, err, values)
	if !ok {
		return err
	}
	page.Form = f
	return p.write(w, status, "adminform", page)
}

// groupsChoice is the field with the groups of a user, who is in those of in.
func (p *Pages) groupsChoice(r *http.Request, who auth.Identity, in []string) (field, error) {
	groups, err := p.auth.Groups.List(r.Context(), who)
	if err != nil {
		return field{}, err
	}
	if len(groups) > mostChecks {
		return field{
			Name: groupsField, Label: "Groups", Value: strings.Join(in, ", "), Mono: true, Complete: "off",
			Hint: "Names of groups, separated by commas. The groups are listed under Groups.",
		}, nil
	}
	f := field{Name: groupsField, Label: "Groups", Type: "checks"}
	if len(groups) == 0 {
		f.Hint = "There are no groups yet. Add one under Groups."
	}
	for _, g := range groups {
		f.Options = append(f.Options, option{Value: g.Name, Label: g.Name, Chosen: slices.Contains(in, g.Name)})
	}
	return f, nil
}

// typedGroups are the groups that a form names, be it in check boxes or, with
// commas, in a text: no group has a comma in its name.
func typedGroups(values url.Values, name string) []string {
	var groups []string
	for _, text := range values[name] {
		for group := range strings.SplitSeq(text, ",") {
			if group = strings.TrimSpace(group); group != "" {
				groups = append(groups, group)
			}
		}
	}
	return groups
}

// aboutField is err, or where it is about the field from, the same about to.
func aboutField(err error, from, to string) error {
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok || refusal.Code != auth.Invalid || refusal.Field != from {
		return err
	}
	about := *refusal
	about.Field = to
	return &about
}
