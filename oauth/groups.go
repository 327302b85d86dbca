package oauth

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/auth"
)

// Limits of a claim of groups.
const (
	maxGroupElements = 500
	maxGroupClaim    = 256 // bytes of an element; longer ones are passed over
	maxGroupsGiven   = 200
)

// groupRule gives a group of ours for each of theirs that fits.
type groupRule struct {
	claim *pattern
	group string // "": what theirs is called
}

// groups are those of ours that the rules give for a claim, sorted; of more
// than maxGroupsGiven the first.
func (p *client) groups(claim any) (ours []string, err error) {
	if len(p.rules) == 0 || claim == nil {
		return nil, nil
	}
	theirs, ok := texts(claim)
	if !ok {
		return nil, p.denied("the claim of groups is not a text or a list of texts")
	}
	if len(theirs) > maxGroupElements {
		return nil, p.denied("the claim of groups has %d elements, at most %d are read", len(theirs), maxGroupElements)
	}
	for _, t := range theirs {
		if len(t) > maxGroupClaim {
			continue
		}
		for _, r := range p.rules {
			if !r.claim.matches(t) {
				continue
			}
			if group := r.group; group != "" {
				ours = append(ours, group)
			} else if groupName(t) {
				ours = append(ours, t)
			}
		}
	}
	slices.Sort(ours)
	ours = slices.Compact(ours)
	return ours[:min(len(ours), maxGroupsGiven)], nil
}

// groupName reports what may be the name of a group here.
func groupName(s string) bool {
	return s != "" && len(s) <= auth.MaxGroupName && !strings.ContainsFunc(s, func(r rune) bool {
		return r == ',' || r == utf8.RuneError || !unicode.IsPrint(r)
	})
}
