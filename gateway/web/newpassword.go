package web

import (
	"net/url"
	"strings"
)

// newPassword are the fields that a person chooses a password with.
func (p *Pages) newPassword(user string) []field {
	rule := p.auth.PasswordRule(user)
	return []field{
		{
			Name: "new", Label: "New password", Type: "password", Complete: "new-password", Required: true,
			Least: rule.Least, Own: rule.Own, Words: strings.Join(rule.Words, " "),
			Hint: "At least " + plural(rule.Least, "character") + ", of any kind. A few words that only you put together are good.",
		},
		{Name: "again", Label: "New password once more", Type: "password", Complete: "new-password", Required: true},
	}
}

// sameTwice refuses a new password that was typed in two ways.
func sameTwice(values url.Values) error {
	if values.Get("new") != values.Get("again") {
		return invalid("again", "the two new passwords differ; type them again")
	}
	return nil
}
