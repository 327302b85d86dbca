package configs

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	maxPath      = 255 // bytes of a route's path
	maxRules     = 100 // words in one read or write list
	maxGroupName = 64  // bytes
	maxTimeout   = time.Hour
)

var (
	routeNameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	userNameForm  = regexp.MustCompile(`^[a-z0-9._@+-]{1,64}$`)
	pathForm      = regexp.MustCompile(`^[A-Za-z0-9._~@+/-]*$`)
)

// ownPaths belong to Latchkey on the host of public_url. A route may lie above
// them (/, /artifactory/), where they still win, but not at or below one.
var ownPaths = []string{
	"/-/", "/ui/", "/access/api/", "/v2/token/",
	"/artifactory/api/security/", "/artifactory/api/system/", "/artifactory/api/lfs/",
}

// ownPathsElsewhere belong to Latchkey on every other host.
var ownPathsElsewhere = []string{"/-/"}

// pathWords begin LFS addresses over SSH, so a route cannot be called so.
var pathWords = map[string]bool{"artifactory": true, "api": true}

func (c *Config) validateRoutes(r *report, upstreams map[string]*NamedUpstream, providers map[string]*Provider) {
	if len(c.Routes) > MaxRoutes {
		r.at("routes", "has %d entries; at most %d are accepted", len(c.Routes), MaxRoutes)
		return
	}
	names, places := map[string]int{}, map[string]int{}
	for i := range c.Routes {
		rt, at := &c.Routes[i], index("routes", i)
		if !routeNameForm.MatchString(rt.Name) {
			r.at(at+".name", "takes 1 to 63 of a-z, 0-9 and inner hyphens")
		} else if pathWords[rt.Name] {
			r.at(at+".name", "is a word of LFS addresses; choose another")
		} else if first, taken := names[rt.Name]; taken {
			r.at(at+".name", "is the name of routes[%d] too", first)
		} else {
			names[rt.Name] = i
		}
		c.validatePlace(r, at, i, places)
		c.validateUpstream(r, at, rt)
		validateRules(r, at+".read", "read", rt.Read)
		validateRules(r, at+".write", "write", rt.Write)
		rt.validateUpstreamCredential(r, at, upstreams)
		rt.validateExternalTokens(r, at, providers)
		if rt.Timeout < time.Second || rt.Timeout > maxTimeout {
			r.at(at+".timeout", "takes a duration from 1s to %s", durationText(maxTimeout))
		}
	}
}

// validatePlace judges host and path, and that no earlier route has both.
func (c *Config) validatePlace(r *report, at string, i int, places map[string]int) {
	rt := &c.Routes[i]
	if rt.Path == "" && rt.Host == "" {
		r.at(at+".path", "is missing: a route needs a path or a host")
		return
	}
	if rt.Host != "" {
		if text := checkRouteHost(rt.Host); text != "" {
			r.at(at+".host", "%s", text)
			return
		}
	}
	path := rt.Path
	if path == "" {
		path = "/"
	}
	if text := badPath(path); text != "" {
		r.at(at+".path", "%s", text)
		return
	}
	own, host := ownPathsElsewhere, rt.Host
	if c.onPublicHost(host) {
		own, host = ownPaths, ""
	}
	for _, p := range own {
		if strings.HasPrefix(path, p) {
			r.at(at+".path", "lies in %s, which is Latchkey's own", p)
			return
		}
	}
	place := host + path
	if first, taken := places[place]; taken {
		r.at(at+".path", "is the place of routes[%d] too", first)
		return
	}
	places[place] = i
}

// onPublicHost is true for routes on the host of public_url.
func (c *Config) onPublicHost(host string) bool {
	if host == "" {
		return true
	}
	u, err := url.Parse(c.HTTP.PublicURL)
	return err == nil && strings.EqualFold(u.Hostname(), host)
}

func checkRouteHost(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || validHost(host) {
		return ""
	}
	return "takes a host name in lower case, without scheme, port or *"
}

// badPath says what is wrong with a route's path. The letters are few on
// purpose: a path that any hop may spell otherwise is one that two hops judge
// differently.
func badPath(p string) string {
	switch {
	case !strings.HasPrefix(p, "/") || !strings.HasSuffix(p, "/"):
		return "must begin and end with a slash"
	case len(p) > maxPath:
		return "is too long"
	case !pathForm.MatchString(p):
		return "takes letters, digits, slashes and - . _ ~ @ + alone"
	case strings.Contains(p, "//"):
		return "must not have two slashes in a row"
	case strings.Contains(p, "/./") || strings.Contains(p, "/../"):
		return "must not have the steps . and .."
	}
	return ""
}

func (c *Config) validateUpstream(r *report, at string, rt *Route) {
	if rt.Upstream == "" {
		r.at(at+".upstream", "is missing: lfs:DIR, http://…, https://…, h2c://… or unix:PATH")
		return
	}
	u, err := ParseUpstream(rt.Upstream)
	if err != nil {
		r.at(at+".upstream", "%s", err)
		return
	}
	if text := c.ownDoor(u); text != "" {
		r.at(at+".upstream", "%s", text)
	}
}

func validateRules(r *report, path, verb string, rules []string) {
	switch {
	case len(rules) == 0:
		r.at(path, "is empty: nobody could %s; name who may, or remove the key for authenticated", verb)
	case len(rules) > maxRules:
		r.at(path, "has more than %d entries; use a group", maxRules)
	}
	for i, rule := range rules[:min(len(rules), maxRules)] {
		if text := checkRule(rule); text != "" {
			r.at(index(path, i), "%s", text)
		}
	}
}

// checkRule says what is wrong with one word of a read or write list.
func checkRule(rule string) string {
	switch rule {
	case "anonymous", "authenticated", "admin":
		return ""
	}
	kind, name, _ := strings.Cut(rule, ":")
	switch {
	case kind == "user" && userNameForm.MatchString(name):
		return ""
	case kind == "user":
		return "takes a user name after user: 1 to 64 of a-z 0-9 . _ - @ +"
	case kind == "group" && validGroup(name):
		return ""
	case kind == "group":
		return "takes a group name after group: 1 to 64 bytes without , / : * and quotes, no space at the ends"
	}
	return "takes anonymous, authenticated, group:NAME, user:NAME or admin"
}

// validGroup accepts the names that a group can have.
func validGroup(s string) bool {
	if s == "" || len(s) > maxGroupName || strings.TrimSpace(s) != s || s == "." || s == ".." {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool {
		return unprintable(c) || strings.ContainsRune(",\"/:*", c)
	})
}

// checkGroup says what is wrong with the name of a group.
func checkGroup(s string) string {
	if !validGroup(s) {
		return "takes a group name: 1 to 64 bytes without , / : * and quotes, no space at the ends"
	}
	return ""
}
