package jfrog

import (
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// The first grammar of scopes, which the legacy token API speaks. Parts are
// separated by spaces, and names with spaces are in double quotes:
//
//	member-of-groups:*            everything the user may
//	member-of-groups:a,"b c"      what these groups of the user may
//	SERVICE:admin                 the rights of an administrator; SERVICE is
//	                              jfrt@ID or jfac@ID of this installation
//	path:REPO/PATH:read,write     a repository or what is under a path of it
//	api:*                         no more than being a user: in every answer
const (
	oldGroups = "member-of-groups:"
	oldPath   = "path:"
	oldAPI    = "api:*"
	oldAdmin  = ":admin"

	newApplied  = "applied-permissions/"
	newGroups   = newApplied + "groups:"
	newArtifact = "artifact:"
)

// Issuers and services of an installation: before an @ and its id.
const (
	serviceNew = "jfac@" // the access service, which issues tokens
	serviceOld = "jfrt@" // the repository service, whose id older clients ask for
)

// oldActions are the words of the old grammar, at the place of their letter in
// newActions.
var oldActions = [...]string{"read", "write", "delete", "annotate", "manage", "distribute"}

const newActions = "rwdamx"

// readOldScopes reads a scope text of the legacy API, in the old grammar, in
// the new one, or in both, as auth has it, and the same text as the answer
// repeats it. installation is the id of this one. Errors are of code
// auth.Invalid, field "scope".
func readOldScopes(text, installation string) (scopes auth.Scopes, repeated string, err error) {
	if len(text) > auth.MaxScope {
		_, err := auth.ParseScopes(text) // in the words of auth
		return nil, "", err
	}
	var parts []string
	for _, part := range auth.SplitScopes(text) {
		if part == oldAPI {
			continue
		}
		translated := translate(part, installation)
		if reason := unknownOldScope(translated, installation); reason != "" {
			return nil, "", invalid("scope", reason)
		}
		parsed, err := auth.ParseScopes(translated)
		if err != nil {
			return nil, "", err
		}
		parts, scopes = append(parts, part), append(scopes, parsed...)
	}
	if len(scopes) == 0 {
		return nil, "", invalid("scope", "the scope opens nothing; try "+oldGroups+"*")
	}
	return scopes, strings.Join(append(parts, oldAPI), " "), nil
}

// translate turns a part of the old grammar into the new one. What it does not
// know it leaves alone, for auth to refuse.
func translate(part, installation string) string {
	if part == oldGroups+"*" {
		return auth.UserScope.String()
	}
	if list, ok := strings.CutPrefix(part, oldGroups); ok {
		return newGroups + list
	}
	if part == serviceOld+installation+oldAdmin || part == serviceNew+installation+oldAdmin {
		return auth.Scope{Kind: auth.ScopeAdmin}.String()
	}
	rest, ok := strings.CutPrefix(part, oldPath)
	if !ok {
		return part
	}
	colon := strings.LastIndexByte(rest, ':')
	if colon < 0 {
		return part
	}
	words := strings.Split(rest[colon+1:], ",")
	for i, word := range words {
		if at := slices.Index(oldActions[:], word); at >= 0 {
			words[i] = newActions[at : at+1]
		} else if word != "*" {
			return part
		}
	}
	return newArtifact + rest[:colon+1] + strings.Join(words, ",")
}

// unknownOldScope says what is wrong with a part that neither grammar has; ""
// where auth has words of its own for it.
func unknownOldScope(part, installation string) string {
	switch kind, _, _ := strings.Cut(part, ":"); {
	case strings.HasPrefix(part, newApplied), kind == "artifact", kind == "system":
		return ""
	case strings.HasSuffix(part, oldAdmin) && strings.Contains(part, "@"):
		return "an administrator's scope here is " + serviceOld + installation + oldAdmin
	case kind == "path":
		return "a path scope is " + oldPath + "REPO/PATH:read,write; the words are " + strings.Join(oldActions[:], ", ") + " and *"
	}
	return strconv.Quote(part) + " is not a scope; known are " + oldGroups + "* or :NAME, " + oldPath + "REPO/PATH:read,write, SERVICE" + oldAdmin +
		" and those of /access/api/v1/tokens"
}

// oldText writes the scopes of a token in the old grammar, where that has words
// for them.
func oldText(scope, installation string) string {
	scopes, err := auth.ParseScopes(scope)
	if err != nil {
		return scope + " " + oldAPI // as it is kept
	}
	parts := make([]string, 0, len(scopes)+1)
	for _, s := range scopes {
		text := s.String()
		switch s.Kind {
		case auth.ScopeUser:
			text = oldGroups + "*"
		case auth.ScopeAdmin:
			text = serviceOld + installation + oldAdmin
		case auth.ScopeGroups:
			text = oldGroups + strings.TrimPrefix(text, newGroups)
		case auth.ScopeArtifact:
			text = oldPath + s.Target + ":" + oldWords(s.Actions)
		}
		parts = append(parts, text)
	}
	return strings.Join(append(parts, oldAPI), " ")
}

// oldWords names the actions of an artifact scope.
func oldWords(actions string) string {
	var words []string
	for i, word := range oldActions {
		if strings.IndexByte(actions, newActions[i]) >= 0 {
			words = append(words, word)
		}
	}
	if len(words) == len(oldActions) {
		return "*"
	}
	return strings.Join(words, ",")
}

// foreignGroup is a group of scopes that who is not in, or that their
// credential does not cover; "" when there is none. Administrators name any.
func foreignGroup(who auth.Identity, scopes auth.Scopes) string {
	if who.Admin {
		return ""
	}
	for _, s := range scopes {
		for _, g := range s.Groups {
			if !who.InGroup(g) {
				return g
			}
		}
	}
	return ""
}
