package oauth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of what is taken over of a person.
const (
	maxLogin         = 128 // bytes
	maxFullName      = 256 // bytes
	maxGroupElements = 500 // of the claim
	maxGroupClaim    = 256 // bytes of an element; longer ones are passed over
	maxGroupsGiven   = 200
)

// groupRule gives a group of ours for each of theirs that fits.
type groupRule struct {
	claim *pattern
	group string // "": what theirs is called
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

// groups are those of ours that the rules give for a claim, sorted; of more
// than maxGroupsGiven the first.
func (p *party) groups(claim any) ([]string, error) {
	if len(p.rules) == 0 || claim == nil {
		return nil, nil
	}
	theirs, err := elementsOf(claim)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range theirs {
		if len(t) > maxGroupClaim {
			continue
		}
		for _, r := range p.rules {
			if !r.claim.matches(t) {
				continue
			}
			if group := r.group; group != "" {
				out = append(out, group)
			} else if groupName(t) {
				out = append(out, t)
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return out[:min(len(out), maxGroupsGiven)], nil
}

// elementsOf is a text or a list of texts, which may be empty.
func elementsOf(claim any) ([]string, error) {
	if text, ok := claim.(string); ok {
		return []string{text}, nil
	}
	list, ok := claim.([]any)
	if !ok {
		return nil, errors.New("the claim of groups is not a text or a list of texts")
	}
	if len(list) > maxGroupElements {
		return nil, fmt.Errorf("the claim of groups has %d elements, at most %d are read", len(list), maxGroupElements)
	}
	out := make([]string, len(list))
	for i, e := range list {
		if out[i], ok = e.(string); !ok {
			return nil, errors.New("the claim of groups is not a text or a list of texts")
		}
	}
	return out, nil
}

// groupName reports what may be the name of a group here.
func groupName(s string) bool {
	return s != "" && len(s) <= auth.MaxGroupName && !strings.ContainsFunc(s, func(r rune) bool {
		return r == ',' || r == utf8.RuneError || !unicode.IsPrint(r)
	})
}
