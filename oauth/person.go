package oauth

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of what is taken over of a person.
const (
	maxLogin    = 128 // bytes
	maxFullName = 256 // bytes
)

// described is what the claims say of a person, but not who it is.
func (p *client) described(claims map[string]any) auth.External {
	text := func(name string) string {
		s, _ := claims[name].(string)
		return s
	}
	ext := auth.External{
		Provider: p.name, Issuer: p.issuer,
		Login:       clean(text(p.claims.Login), maxLogin),
		DisplayName: clean(text(p.claims.Name), maxFullName),
		Email:       cleanEmail(text(p.claims.Email)),
	}
	ext.EmailVerified = ext.Email != "" && verified(claims[p.claims.EmailVerified])
	return ext
}

// clean is a stranger's text to show: without what turns lines or the order of
// letters around, and no longer than most bytes.
func clean(text string, most int) string {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, text))
	if len(text) > most {
		text = strings.TrimSpace(strings.ToValidUTF8(text[:most], ""))
	}
	return text
}

// cleanEmail is an address as it is, or "" for one that would have to be
// changed: another address is somebody else's.
func cleanEmail(text string) string {
	name, domain, ok := cutLast(text, "@")
	if !ok || name == "" || domain == "" || len(text) > auth.MaxEmail || strings.ContainsFunc(text, func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsPrint(r) || r == ' '
	}) {
		return ""
	}
	return text
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// verified reads email_verified: JSON true, or the text that some write for it.
// Everything else is no.
func verified(v any) bool { return v == true || v == "true" }

// sameDomain compares as DNS does: by ASCII letters alone, whatever else folds
// onto them.
func sameDomain(a, b string) bool { return lowerASCII(a) == lowerASCII(b) }

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// ofDomain reports a verified address at exactly one of the domains.
func ofDomain(email string, domains []string) bool {
	_, domain, ok := cutLast(email, "@")
	return ok && slices.ContainsFunc(domains, func(d string) bool { return sameDomain(d, domain) })
}
