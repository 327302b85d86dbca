package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-io/latchkey/auth"
)

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
