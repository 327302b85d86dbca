package auth

import (
	"fmt"
	"strings"
)

// Op is what a request does to what lies behind a route.
type Op byte

const (
	Read   Op = 'r'
	Write  Op = 'w'
	Delete Op = 'd' // as Write for a route's rules; its own letter in scopes
)

// Route is one row of the front door as far as rights go.
type Route struct {
	Name string
	// Read and Write say who may; nobody where empty.
	Read, Write Rules
	// Repositories: what is behind the route has repositories that an
	// artifact scope can name. Elsewhere such a scope opens nothing.
	Repositories bool
}

// Rules is a list of which one must hold.
type Rules []Rule

// Rule is "anonymous", "authenticated", "admin", "group:NAME" or "user:NAME".
type Rule struct{ kind, name string }

// ParseRules reads a list of rules. Names of users are made canonical.
func ParseRules(texts []string) (Rules, error) {
	var out Rules
	for _, text := range texts {
		kind, name, named := strings.Cut(text, ":")
		switch {
		case !named && (kind == "anonymous" || kind == "authenticated" || kind == "admin"):
		case named && kind == "group" && validGroupName(name):
		case named && kind == "user":
			canonical, err := CanonicalName(name)
			if err != nil {
				return nil, err
			}
			name = canonical
		default:
			return nil, invalid("rule", "%q is not a rule; known are anonymous, authenticated, group:NAME, user:NAME and admin", text)
		}
		out = append(out, Rule{kind, name})
	}
	return out, nil
}

func (r Rule) String() string {
	if r.name == "" {
		return r.kind
	}
	return r.kind + ":" + r.name
}

// holds asks one rule about who's own rights, whatever the artifact scopes.
func (r Rule) holds(who Identity) bool {
	switch r.kind {
	case "anonymous":
		return true
	case "authenticated":
		return who.Known()
	case "group":
		return who.InGroup(r.name)
	case "user":
		return who.Known() && who.User == r.name && who.Scopes.User()
	case "admin":
		return who.Admin
	}
	return false
}

// Open reports whether somebody unknown may do op on the route.
func (r Route) Open(op Op) bool {
	for _, rule := range r.rules(op) {
		if rule.kind == "anonymous" {
			return true
		}
	}
	return false
}

func (r Route) rules(op Op) Rules {
	if op == Read {
		return r.Read
	}
	return r.Write
}

// Allow decides whether who may do op on route, on the repository repo where
// the route has some (else empty). It returns nil, an error of code
// Unauthenticated for somebody unknown who could be let in when known, or one
// of code Forbidden with a reason.
func Allow(who Identity, route Route, repo string, op Op) error {
	if route.Open(op) {
		// What anybody may do, a narrow credential does not take away.
		return nil
	}
	if !who.Known() {
		return unauthenticated("no credential")
	}
	full := who
	scoped := who.Scopes.covering()
	if !scoped {
		// Neither user nor groups: only artifact scopes can open this, and
		// only where the route can judge them.
		if !route.Repositories || repo == "" || !who.opensArtifact(route.Name, repo, op) {
			return forbidden("the credential's scope %q does not open %s", who.Scopes, where(route, repo))
		}
		full = who.owner()
	}
	for _, rule := range route.rules(op) {
		if rule.holds(full) {
			return nil
		}
	}
	if scoped && route.Repositories && repo != "" && who.opensArtifact(route.Name, repo, op) {
		for _, rule := range route.rules(op) {
			if rule.holds(who.owner()) {
				return nil
			}
		}
	}
	return forbidden("%s may not %s %s", who.User, verb(op), where(route, repo))
}

func verb(op Op) string {
	switch op {
	case Read:
		return "read"
	case Delete:
		return "delete in"
	}
	return "write to"
}

func where(route Route, repo string) string {
	if repo == "" {
		return fmt.Sprintf("route %q", route.Name)
	}
	return fmt.Sprintf("repository %q of route %q", repo, route.Name)
}

// covering reports whether the scopes cover the user or groups, so that a
// route's rules can be asked directly.
func (s Scopes) covering() bool {
	for _, p := range s {
		if p.Kind == ScopeUser || p.Kind == ScopeAdmin || p.Kind == ScopeGroups {
			return true
		}
	}
	return false
}

// opensArtifact reports whether an artifact scope opens repo, named alone or
// with its route in front. A repository's first segment never is the name of
// a route that has repositories, so the two cannot be confused.
// A grant is for its one repository, not for others below that name; what
// Short made has the scope of its maker, where a name means what it meant there.
func (w Identity) opensArtifact(route, repo string, op Op) bool {
	for _, p := range w.Scopes {
		if w.Via.Kind == KindGrant && !w.whole && p.Target != route+"/"+repo {
			continue
		}
		if p.opens(repo, byte(op)) || p.opens(route+"/"+repo, byte(op)) {
			return true
		}
	}
	return false
}
