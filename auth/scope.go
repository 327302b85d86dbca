package auth

import (
	"slices"
	"strings"
)

// Limits of a scope text.
const (
	MaxScope  = 500 // bytes of the whole text (JFrog's own limit)
	maxScopes = 50  // parts
)

// Scopes is what a credential covers, in JFrog's grammar, parts separated by
// spaces:
//
//	applied-permissions/user            everything the user may
//	applied-permissions/admin           the same, of an administrator
//	applied-permissions/groups:a,"b c"  what these groups of the user may
//	artifact:NAME[/PATTERN]:r,w,d       a repository or route, and what is under it
//	system:metrics:r                    named services of the daemon
//
// In NAME and PATTERN * stands for any run of characters but "/", ** for any.
// The actions are r (read), w (write), d (delete), a (annotate), m (manage),
// x (distribute) or * for all.
type Scopes []Scope

// Scope is one part of Scopes.
type Scope struct {
	Kind    ScopeKind
	Groups  []string // ScopeGroups: sorted
	Target  string   // ScopeArtifact: NAME[/PATTERN]; ScopeSystem: the part after system:
	Actions string   // ScopeArtifact: a sorted subset of "admrwx"
}

// ScopeKind is the kind of one Scope.
type ScopeKind int

const (
	ScopeUser ScopeKind = iota + 1
	ScopeAdmin
	ScopeGroups
	ScopeArtifact
	ScopeSystem
)

const (
	scopeUserText   = "applied-permissions/user"
	scopeAdminText  = "applied-permissions/admin"
	scopeGroupsText = "applied-permissions/groups:"
	allActions      = "admrwx"
)

// UserScope covers everything the user may.
var UserScope = Scopes{{Kind: ScopeUser}}

// ParseScopes reads a scope text. Errors are of code Invalid, field "scope".
func ParseScopes(text string) (Scopes, error) {
	if len(text) > MaxScope {
		return nil, invalid("scope", "the scope has %d characters, at most %d", len(text), MaxScope)
	}
	var out Scopes
	for _, part := range SplitScopes(text) {
		s, err := parseScope(part)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	if len(out) == 0 {
		return nil, invalid("scope", "the scope is empty; try %s", scopeUserText)
	}
	if len(out) > maxScopes {
		return nil, invalid("scope", "the scope has %d parts, at most %d", len(out), maxScopes)
	}
	return out, nil
}

// SplitScopes splits a text of scopes into its parts: at spaces outside double
// quotes.
func SplitScopes(text string) []string {
	quoted := false
	return strings.FieldsFunc(text, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

func parseScope(part string) (Scope, error) {
	for _, r := range part {
		if r < ' ' || r == 0x7f || r == '\ufffd' {
			return Scope{}, invalid("scope", "the scope holds a control character")
		}
	}
	switch {
	case part == scopeUserText:
		return Scope{Kind: ScopeUser}, nil
	case part == scopeAdminText:
		return Scope{Kind: ScopeAdmin}, nil
	case strings.HasPrefix(part, scopeGroupsText):
		return parseGroupScope(part[len(scopeGroupsText):])
	case strings.HasPrefix(part, "artifact:"):
		return parseArtifactScope(part[len("artifact:"):])
	case strings.HasPrefix(part, "system:"):
		name := part[len("system:"):]
		if name == "" || len(name) > 64 || strings.ContainsAny(name, "\" *") {
			return Scope{}, invalid("scope", "%q is not a system scope; try system:metrics:r", part)
		}
		return Scope{Kind: ScopeSystem, Target: name}, nil
	}
	return Scope{}, invalid("scope", "%q is not a scope; known are %s, …/admin, …/groups:NAME, artifact:NAME:r,w and system:NAME:r", part, scopeUserText)
}

func parseGroupScope(list string) (Scope, error) {
	var names []string
	for _, name := range strings.Split(list, ",") {
		if n := len(name); n >= 2 && name[0] == '"' && name[n-1] == '"' {
			name = name[1 : n-1]
		}
		if !validGroupName(name) {
			return Scope{}, invalid("scope", "%q is not a group name", name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return Scope{Kind: ScopeGroups, Groups: slices.Compact(names)}, nil
}

func parseArtifactScope(text string) (Scope, error) {
	i := strings.LastIndexByte(text, ':')
	if i <= 0 || i == len(text)-1 {
		return Scope{}, invalid("scope", "artifact scope %q needs a name and actions, as artifact:team/assets:r,w", text)
	}
	target, list := strings.Trim(text[:i], "/"), text[i+1:]
	if target == "" || strings.Contains(target, "//") || strings.ContainsAny(target, "\"\\?[]%;") ||
		slices.Contains(strings.Split(target, "/"), "..") || slices.Contains(strings.Split(target, "/"), ".") {
		return Scope{}, invalid("scope", "artifact scope %q: the name is not clean", text)
	}
	actions := ""
	for _, a := range strings.Split(list, ",") {
		switch {
		case a == "*":
			actions = allActions
		case len(a) == 1 && strings.Contains(allActions, a):
			actions += a
		default:
			return Scope{}, invalid("scope", "artifact scope %q: %q is not an action; known are r, w, d, a, m, x and *", text, a)
		}
	}
	set := []byte(actions)
	slices.Sort(set)
	return Scope{Kind: ScopeArtifact, Target: target, Actions: string(slices.Compact(set))}, nil
}

// String writes the scopes in the grammar that ParseScopes reads.
func (s Scopes) String() string {
	parts := make([]string, len(s))
	for i, p := range s {
		parts[i] = p.String()
	}
	return strings.Join(parts, " ")
}

func (s Scope) String() string {
	switch s.Kind {
	case ScopeUser:
		return scopeUserText
	case ScopeAdmin:
		return scopeAdminText
	case ScopeGroups:
		names := make([]string, len(s.Groups))
		for i, g := range s.Groups {
			names[i] = g
			if strings.Contains(g, " ") {
				names[i] = `"` + g + `"`
			}
		}
		return scopeGroupsText + strings.Join(names, ",")
	case ScopeArtifact:
		actions := strings.Join(strings.Split(s.Actions, ""), ",")
		if s.Actions == allActions {
			actions = "*"
		}
		return "artifact:" + s.Target + ":" + actions
	}
	return "system:" + s.Target
}

// User reports whether the scopes cover everything the user may, the rights
// of an administrator included if the user is one.
func (s Scopes) User() bool {
	return slices.ContainsFunc(s, func(p Scope) bool { return p.Kind == ScopeUser || p.Kind == ScopeAdmin })
}

// admin reports whether the scopes are there for an administrator alone.
func (s Scopes) admin() bool {
	return slices.ContainsFunc(s, func(p Scope) bool { return p.Kind == ScopeAdmin })
}

// Covers reports whether all that t opens is opened by s as well, for the
// same user. It may say no where the answer would be hard to find.
func (s Scopes) Covers(t Scopes) bool {
	for _, want := range t {
		if !slices.ContainsFunc(s, func(have Scope) bool { return have.covers(want) }) {
			return false
		}
	}
	return len(t) > 0
}

func (s Scope) covers(t Scope) bool {
	switch {
	case s.Kind == ScopeUser || s.Kind == ScopeAdmin:
		return true
	case s.Kind != t.Kind:
		return false
	case s.Kind == ScopeGroups:
		return !slices.ContainsFunc(t.Groups, func(g string) bool { return !slices.Contains(s.Groups, g) })
	case s.Kind == ScopeArtifact:
		for _, a := range t.Actions {
			if !strings.ContainsRune(s.Actions, a) {
				return false
			}
		}
		return s.Target == t.Target || !strings.Contains(t.Target, "*") && under(s.Target, t.Target)
	}
	return s.Target == t.Target
}

// opens reports whether an artifact scope lets action be done on name.
func (s Scope) opens(name string, action byte) bool {
	return s.Kind == ScopeArtifact && strings.IndexByte(s.Actions, action) >= 0 && under(s.Target, name)
}

// under reports whether pattern matches name or a folder above it.
func under(pattern, name string) bool {
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '/') {
		if glob(pattern, name[:end]) {
			return true
		}
	}
	return false
}

// glob matches with * (not over "/") and ** (over anything). It runs in
// O(len(pattern) * len(name)), whatever the pattern.
func glob(pattern, name string) bool {
	// reach[j]: pattern read so far can match name[:j].
	reach := make([]bool, len(name)+1)
	reach[0] = true
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '*' {
			deep := i+1 < len(pattern) && pattern[i+1] == '*'
			if deep {
				i++
			}
			for j := 1; j <= len(name); j++ {
				reach[j] = reach[j] || reach[j-1] && (deep || name[j-1] != '/')
			}
			continue
		}
		for j := len(name); j > 0; j-- {
			reach[j] = reach[j-1] && name[j-1] == pattern[i]
		}
		reach[0] = false
	}
	return reach[len(name)]
}
