package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/latchkey-io/latchkey/gateway/web"
	"github.com/latchkey-io/latchkey/internal/limit"
)

// door is one configuration at work.
type door struct {
	cfg      Config
	identify identifier
	trusted  limit.Networks
	cookie   cookie
	origins  *http.CrossOriginProtection
	loopback bool // PublicURL is a name of this machine

	failedWays *limit.Recent // to providers and back, by source

	sites     map[string]*site // by host
	public    *site
	local     *site // the daemon's socket
	upstreams map[upstreamKey]*upstream
	assert    *assertions
	buffers   *buffers
	oops      *web.ErrorPage
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
	if err := d.local.addRows(onTheSocket(rows)); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	return nil
}

// onTheSocket are those of rows that the daemon's socket answers too.
func onTheSocket(rows []row) []row {
	return slices.DeleteFunc(rows, func(r row) bool {
		return r.networkOnly || !strings.Contains(r.pattern, " /-/") && !strings.HasPrefix(r.pattern, "/-/")
	})
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
	if err := checkLending(rt); err != nil {
		return err
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
