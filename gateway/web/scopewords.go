package web

import (
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// scopeWords says in words what a scope covers, part by part. whose is how the
// owner is called where "you" or "alice" may do something. A scope that cannot
// be read stands as it is.
func scopeWords(text, whose string) []string {
	scopes, err := auth.ParseScopes(text)
	if err != nil {
		return []string{text}
	}
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = partWords(s, whose)
	}
	return words
}

func partWords(s auth.Scope, whose string) string {
	switch s.Kind {
	case auth.ScopeUser:
		return "Everything " + whose + " may do"
	case auth.ScopeAdmin:
		return "Everything " + whose + " may do as an administrator"
	case auth.ScopeGroups:
		if len(s.Groups) == 1 {
			return "What the group " + s.Groups[0] + " may do"
		}
		return "What the groups " + listed(s.Groups) + " may do"
	case auth.ScopeArtifact:
		return capital(actionWords(s.Actions)) + " " + targetWords(s.Target)
	}
	name, actions, _ := strings.Cut(s.Target, ":")
	if actions == "r" {
		return "Read the daemon’s " + name
	}
	return "The daemon’s " + name + " (" + actions + ")"
}

// targetWords names what an artifact scope is about.
func targetWords(target string) string {
	switch {
	case target == "*" || target == "**":
		return "any repository"
	case strings.Contains(target, "*"):
		return "repositories like " + target
	}
	return "the repository " + target
}

// actionWords are the verbs of an artifact scope's letters.
func actionWords(actions string) string {
	var verbs []string
	for _, a := range []struct{ letter, verb string }{
		{"r", "read"}, {"w", "write"}, {"d", "delete"}, {"a", "annotate"}, {"m", "manage"}, {"x", "distribute"},
	} {
		if strings.Contains(actions, a.letter) {
			verbs = append(verbs, a.verb)
		}
	}
	if len(verbs) == 6 {
		return "do anything in"
	}
	return listed(verbs)
}

// listed joins words as a sentence does.
func listed(words []string) string {
	switch n := len(words); n {
	case 0:
		return ""
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}
