package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

// handler answers one of our own URLs. It returns an error with nothing
// written; errors.go renders it in the row's dialect. An error that is not an
// *auth.Error is a bug: 500, its text goes to the log only.
type handler func(w http.ResponseWriter, r *http.Request, who auth.Identity) error

// need is what a row asks of the caller before its handler runs. Deeper rights
// are judged in auth.
type need int

const (
	nobody  need = iota // credentials are not looked at; who is anonymous
	anybody             // anonymous, or somebody; a wrong explicit credential is refused
	lenient             // as anybody, but a wrong or ended credential counts as none
	user                // somebody known
)

// row is one of our own URLs.
type row struct {
	pattern string // of http.ServeMux: "GET /-/api/v1/users/{user}"
	need    need
	dialect dialect
	handler handler

	short     bool // takes a short token for somebody as well; elsewhere it is nobody
	everyHost bool // also on the hosts of routes, not only on that of PublicURL
	localOnly bool // only on the daemon's socket
}

// ServeHTTP is called by the mux of a site, with path values set.
func (row *row) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := w.(*exchange)
	x.r = r // with its path values
	x.failed = x.serveRow(row)
}

// lfsPath is where the built-in LFS stores answer beside their routes.
const lfsPath = "/artifactory/api/lfs/"

// site is one host: its own URLs and its routes.
type site struct {
	host     string // as clients should write it, with the port of PublicURL
	origin   string // scheme and host: what Origin and redirects say
	public   bool   // the host of PublicURL
	mux      *http.ServeMux
	patterns map[string]*row
	reserved []string // at or below these nothing is a route
	first    map[string]bool
	places   map[string][]*place // by Path, in lower case, without final slash
}

// place is a route at work.
type place struct {
	Route
	upstream *upstream // nil: Builtin
	sandbox  bool      // its pages must not share our origin
	lfs      bool      // speaks Git LFS
}

// newSite makes the site of a host without port; "" is the host of public.
func newSite(public *url.URL, host string) *site {
	s := &site{
		host: public.Host, public: host == "", reserved: reservedPaths(),
		mux: http.NewServeMux(), patterns: make(map[string]*row),
		first: make(map[string]bool), places: make(map[string][]*place),
	}
	if !s.public {
		s.host, s.reserved = host, reservedElsewhere()
		if port := public.Port(); port != "" {
			s.host += ":" + port
		}
	}
	s.origin = public.Scheme + "://" + s.host
	return s
}

// addRoute puts a route at its place.
func (s *site) addRoute(p *place) error {
	key := strings.ToLower(strings.TrimSuffix(p.Path, "/"))
	for _, other := range s.places[key] {
		if other.Path == p.Path {
			return fmt.Errorf("route %q is at the place of route %q", p.Name, other.Name)
		}
	}
	s.places[key] = append(s.places[key], p)
	return nil
}

// addRows registers our own URLs, after all routes.
func (s *site) addRows(rows []row) (err error) {
	defer func() {
		// The mux panics at a pattern that it cannot tell from another.
		if v := recover(); v != nil {
			err = fmt.Errorf("own URLs: %v", v)
		}
	}()
	for _, path := range s.reserved {
		s.first[firstSegment(path)] = true
	}
	for i := range rows {
		row := &rows[i]
		path := row.pattern[strings.IndexByte(row.pattern, '/'):]
		if path == "/{$}" && len(s.places[""]) > 0 {
			continue // a route lies there
		}
		s.first[firstSegment(path)] = true
		s.patterns[row.pattern] = row
		s.mux.Handle(row.pattern, row)
	}
	s.mux.Handle("/", http.HandlerFunc(serveRest))
	return nil
}

// firstSegment is what a path or pattern has between its first two slashes.
func firstSegment(path string) string {
	segment, _, _ := strings.Cut(path[1:], "/")
	if segment == "{$}" {
		return ""
	}
	return segment
}

// mayBeOwn tells cheaply that a plain path is not one of our own URLs.
func (s *site) mayBeOwn(path string) bool { return s.first[firstSegment(path)] }

func (s *site) isReserved(path string) bool {
	for _, p := range s.reserved {
		if strings.HasPrefix(path, p) || path == p[:len(p)-1] {
			return true
		}
	}
	return false
}

// routeOf finds the route of the longest path that p lies at or below. A path
// that is a route's but for its case is refused: an upstream that does not
// mind the case would serve one route's things under another's rules.
func (s *site) routeOf(p string) (*place, error) {
	key := strings.ToLower(p)
	if len(key) != len(p) {
		return nil, malformed("the path has letters that change their length with their case")
	}
	for end := len(p); ; {
		if here := s.places[key[:end]]; len(here) > 0 {
			for _, route := range here {
				if strings.TrimSuffix(route.Path, "/") == p[:end] {
					return route, nil
				}
			}
			return nil, &auth.Error{Code: codeNoRoute, Reason: "there is nothing here; upper and lower case differ"}
		}
		if end == 0 {
			return nil, nil
		}
		end = strings.LastIndexByte(p[:end], '/')
	}
}

// find tells what a path leads to: a pattern of our own, or a route, or
// neither. It is for paths that are not plain, one view at a time.
func (s *site) find(method, view string) (string, *place, error) {
	_, pattern := s.mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: view}})
	if pattern != "/" && pattern != "" {
		return pattern, nil, nil
	}
	route, err := s.routeOf(view)
	if err != nil {
		return "", nil, err
	}
	if s.isReserved(view) && (route == nil || !s.isReserved(route.Path)) {
		return "reserved", nil, nil
	}
	return "", route, nil
}

// checkPlace refuses a path that leads to one thing as it is written and to
// another when it is decoded once more or loses its ;parameters.
func (s *site) checkPlace(r *http.Request) error {
	if isPlainPath(r.URL.Path) && r.URL.RawPath == "" {
		return nil
	}
	var pattern string
	var route *place
	first := true
	return checkViews(r.URL.EscapedPath(), func(view string) error {
		p, rt, err := s.find(r.Method, view)
		if err != nil {
			return err
		}
		if !first && (p != pattern || rt != route) {
			return malformed("the path means different things to different readers")
		}
		first, pattern, route = false, p, rt
		return nil
	})
}

// allowed lists the methods that a path of our own takes.
func (s *site) allowed(r *http.Request) []string {
	var out []string
	for _, m := range [...]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		_, pattern := s.mux.Handler(&http.Request{Method: m, URL: r.URL})
		if pattern != "" && pattern != "/" && s.patterns[pattern] != nil && !strings.HasPrefix(pattern, "/") {
			out = append(out, m)
		}
	}
	return out
}

// dialectOf is how errors look where no row says it.
func dialectOf(path string) dialect {
	switch {
	case strings.HasPrefix(path, "/-/"):
		return inProblems
	case strings.HasPrefix(path, "/v2/") || path == "/v2":
		return inRegistry
	case strings.HasPrefix(path, lfsPath):
		return inLFS
	case strings.HasPrefix(path, "/access/"):
		return inAccess
	}
	return inGeneral
}

// buildSites makes the sites of a configuration.
func (d *door) buildSites(old *door) error {
	publicHost, ok := hostOf(d.cfg.PublicURL.Host)
	if !ok {
		return fmt.Errorf("gateway: Config.PublicURL has no proper host")
	}
	d.sites = map[string]*site{publicHost: d.public}
	if d.cfg.LFS != nil {
		p := &place{Route: Route{Path: lfsPath, Builtin: d.cfg.LFS}, sandbox: true, lfs: true}
		p.Name = "lfs-api"
		if err := d.public.addRoute(p); err != nil {
			return err
		}
	}
	names := make(map[string]bool)
	for _, rt := range d.cfg.Routes {
		if err := d.addRoute(rt, names, publicHost, old); err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
	}
	rows := append(ownRows(d), row{pattern: "GET /-/jwks.json", need: nobody, dialect: inProblems, handler: d.jwks, everyHost: true})
	public := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.localOnly })
	elsewhere := slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !r.everyHost })
	for _, s := range d.sites {
		own := elsewhere
		if s.public {
			own = public
		}
		if err := s.addRows(own); err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
	}
	d.local = newSite(d.cfg.PublicURL, "")
	local := slices.DeleteFunc(rows, func(r row) bool {
		return !strings.Contains(r.pattern, " /-/") && !strings.HasPrefix(r.pattern, "/-/")
	})
	if err := d.local.addRows(local); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

func (d *door) addRoute(rt Route, names map[string]bool, publicHost string, old *door) error {
	if rt.Name == "" || names[rt.Name] {
		return fmt.Errorf("route %q has no name of its own", rt.Name)
	}
	names[rt.Name] = true
	if rt.Path == "" && rt.Host != "" {
		rt.Path = "/"
	}
	if !strings.HasSuffix(rt.Path, "/") || !isPlainPath(rt.Path) {
		return fmt.Errorf("route %q: the path must begin and end with a slash and be plain", rt.Name)
	}
	if (rt.Upstream == "") == (rt.Builtin == nil) {
		return fmt.Errorf("route %q needs either an upstream or a built-in service", rt.Name)
	}
	if rt.Timeout <= 0 {
		rt.Timeout = DefaultTimeout
	}
	host := publicHost
	if rt.Host != "" {
		var ok bool
		if host, ok = hostOf(rt.Host); !ok {
			return fmt.Errorf("route %q: the host is not a host name", rt.Name)
		}
	}
	s := d.sites[host]
	if s == nil {
		s = newSite(d.cfg.PublicURL, host)
		d.sites[host] = s
	}
	if s.isReserved(rt.Path) {
		return fmt.Errorf("route %q: the path %s is our own; choose another", rt.Name, rt.Path)
	}
	p := &place{Route: rt, sandbox: s.public && !rt.SameOrigin, lfs: rt.Builtin != nil}
	if rt.Builtin == nil {
		if rt.Assertion && d.cfg.Ring == nil {
			return fmt.Errorf("route %q: an assertion needs Config.Ring", rt.Name)
		}
		var err error
		if p.upstream, err = d.upstreamFor(upstreamKey{rt.Upstream, rt.Timeout}, old); err != nil {
			return fmt.Errorf("route %q: upstream %w", rt.Name, err)
		}
	}
	return s.addRoute(p)
}

// upstreamFor finds an upstream with its open connections, or makes it.
func (d *door) upstreamFor(k upstreamKey, old *door) (*upstream, error) {
	if u := d.upstreams[k]; u != nil {
		return u, nil
	}
	if old != nil && old.upstreams[k] != nil {
		d.upstreams[k] = old.upstreams[k]
		return d.upstreams[k], nil
	}
	u, err := newUpstream(k)
	if err != nil {
		return nil, err
	}
	d.upstreams[k] = u
	return u, nil
}
