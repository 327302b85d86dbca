package oauth

import (
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// longestWord is how long a word of a stranger may be, in bytes, to be told;
// longer ones may be codes or tokens.
const longestWord = 24

// said is a provider's own text for the audit trail: in quotes, short, without
// what is hidden and without anything that may be a secret.
func said(text string, hidden ...string) string {
	if len(text) > maxHeader {
		text = text[:maxHeader]
	}
	for _, secret := range hidden {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[secret]")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "[secret]")
		}
	}
	words := strings.Fields(auth.Mask(text))
	for i, word := range words {
		if len(word) > longestWord {
			words[i] = "[…]"
		}
	}
	return quote(strings.Join(words, " "))
}
