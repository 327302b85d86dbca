package configs

import "time"

// DefaultTimeout is how long a route's upstream has to begin its answer when
// the route does not say.
const DefaultTimeout = 60 * time.Second

// Route is one thing that Latchkey stands in front of.
type Route struct {
	Name               string        `yaml:"name" doc:"Unique: 1 to 63 of a-z 0-9 and inner hyphens. The audience of the assertion and the word in rules, scopes and SSH addresses."`
	Host               string        `yaml:"host" doc:"Lower-case host name. Empty: the host of http.public_url."`
	Path               string        `yaml:"path" doc:"Prefix that begins and ends with a slash. With a host it may be left out and is /."`
	Upstream           string        `yaml:"upstream" doc:"lfs:DIR (the built-in LFS store), http://, https://, h2c://, unix:PATH or unix:PATH:/prefix."`
	Read               []string      `yaml:"read" doc:"Who may read: anonymous, authenticated, group:NAME, user:NAME, admin. One match is enough. Left out: authenticated."`
	Write              []string      `yaml:"write" doc:"Who may write; words as for read. Left out: authenticated."`
	WebSocket          bool          `yaml:"websocket" doc:"Let WebSocket upgrades through."`
	Identity           RouteIdentity `yaml:"identity" doc:"How the upstream is told who is asking."`
	ExternalTokens     []string      `yaml:"external_tokens" doc:"Names of providers whose JWTs, for their token_audience, are taken as a Bearer token here."`
	InsecureSameOrigin bool          `yaml:"insecure_same_origin" doc:"Let the pages of this upstream run in the origin of Latchkey's own pages. They can then act as whoever looks at them."`
	Timeout            time.Duration `yaml:"timeout" doc:"How long the upstream has to begin its answer."`
}

// RouteIdentity is how an upstream is told who is asking.
type RouteIdentity struct {
	Headers            bool   `yaml:"headers" doc:"Send X-Forwarded-User, -Email, -Groups and -Name."`
	Assertion          bool   `yaml:"assertion" doc:"Send X-Latchkey-Assertion, a signed statement of the same."`
	Basic              bool   `yaml:"basic" doc:"Send the user's name as Basic credentials with an empty password."`
	UpstreamCredential string `yaml:"upstream_credential" doc:"Name of an entry of upstreams: each user's own name and secret for it are shown to the upstream."`
}

// DefaultRoute is a route of which the file says nothing: identity headers,
// no assertion, signed-in people only, DefaultTimeout. It is what each entry
// of routes begins with.
func DefaultRoute() Route {
	return Route{
		Read:           []string{"authenticated"},
		Write:          []string{"authenticated"},
		Identity:       RouteIdentity{Headers: true},
		ExternalTokens: []string{},
		Timeout:        DefaultTimeout,
	}
}

// defaultLFSRoute is the one route of a file without routes.
func defaultLFSRoute() Route {
	r := DefaultRoute()
	r.Name, r.Path, r.Upstream = "lfs", "/lfs/", "lfs:./data/lfs"
	return r
}
