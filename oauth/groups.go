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
func (p *party) groups(claim any) ([]string, error) {
	if len(p.rules) == 0 || claim == nil {
		return nil, nil
	}
	theirs, ok := texts(claim)
	if !ok {
		return nil, errors.New("the claim of groups is not a text or a list of texts")
	}
	if len(theirs) > maxGroupElements {
		return nil, fmt.Errorf("the claim of groups has %d elements, at most %d are read", len(theirs), maxGroupElements)
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

// groupName reports what may be the name of a group here.
func groupName(s string) bool {
	return s != "" && len(s) <= auth.MaxGroupName && !strings.ContainsFunc(s, func(r rune) bool {
		return r == ',' || r == utf8.RuneError || !unicode.IsPrint(r)
	})
}
