package web

import (
	"net/url"
	"strings"
)

// newField takes a new password, againField the same once more.
const newField = "new"

// newPassword are the fields that a person chooses a password with.
func (p *Pages) newPassword(user string) []field {
	rule := p.auth.PasswordRule(user)
	return []field{
		{
			Name: newField, Label: "New password", Type: "password", Complete: "new-password", Required: true,
			Least: rule.Least, Own: rule.Own, Words: strings.Join(rule.Words, " "),
			Hint: "At least " + plural(rule.Least, "character") + ", of any kind. A few words that only you put together are good.",
		},
		{Name: againField, Label: "New password once more", Type: "password", Complete: "new-password", Required: true},
	}
}

// sameTwice refuses a password in the field name that is another in againField.
func sameTwice(values url.Values, name string) error {
	if values.Get(name) != values.Get(againField) {
		return invalid(againField, "the two passwords differ; type the same one twice")
	}
	return nil
}
