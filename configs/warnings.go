package configs

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// Warnings are what a valid configuration gives away, one sentence each.
func (c *Config) Warnings() []string {
	var w []string
	say := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	public, err := url.Parse(c.HTTP.PublicURL)
	if err != nil {
		public = &url.URL{}
	}
	c.warnHTTP(say, public)
	if c.Ops.Listen != "" && !loopback(hostOf(c.Ops.Listen)) {
		say("ops.listen: %s is not loopback: whoever reaches it reads metrics and profiles without signing in", c.Ops.Listen)
	}
	if c.SSH.AllowDSS {
		say("ssh.allow_dss: ssh-dss keys can be forged; turn this off when the last such client is gone")
	}
	if text := string(c.Store); strings.HasPrefix(text, "redis") && !strings.HasPrefix(text, "rediss:") && !c.storeLoopback() {
		say("store: %s is not encrypted; everything but sealed secrets can be read on the way", c.Store)
	}
	c.warnUpstreams(say)
	c.warnProviders(say)
	c.warnJobs(say)
	c.warnMail(say)
	dirs := map[string]string{}
	for _, rt := range c.Routes {
		if rt.InsecureSameOrigin {
			say("route %s: insecure_same_origin lets its pages act as whoever looks at them, on the pages and the API of Latchkey", rt.Name)
		}
		if slices.Contains(rt.Write, "anonymous") {
			say("route %s: anybody may write without signing in", rt.Name)
		}
		if u, err := ParseUpstream(rt.Upstream); err == nil && u.Kind == UpstreamLFS {
			dir := realPath(u.Dir)
			if first, shared := dirs[dir]; shared {
				say("route %s: shares its LFS folder with route %s: the rules of each open the objects of both", rt.Name, first)
			} else {
				dirs[dir] = rt.Name
			}
		}
	}
	return w
}

func (c *Config) warnHTTP(say func(string, ...any), public *url.URL) {
	if public.Scheme == "http" && !loopback(public.Hostname()) {
		say("http.public_url: %s is not https: passwords, keys and cookies can be read on the way", c.HTTP.PublicURL)
	}
	if public.Scheme == "https" && c.HTTP.TLSListen == "" && len(c.HTTP.TrustedProxies) == 0 {
		say("http.trusted_proxies: is empty, so every client behind the TLS proxy looks like the proxy and shares one budget for wrong passwords")
	}
	if c.HTTP.TLS.CertFile != "" && c.HTTP.TLSListen == "" {
		say("http.tls: has a certificate, but tls_listen is empty, so nobody gets it")
	}
	// A changed port with the default public_url is the commonest slip of a
	// first configuration: every redirect then leads to the old port.
	_, port, err := net.SplitHostPort(c.HTTP.Listen)
	if err == nil && public.Scheme == "http" && loopback(public.Hostname()) && portNumber(port) > 0 && portNumber(port) != urlPort(public) {
		say("http.public_url: %s has another port than http.listen %s; links and redirects lead to public_url", c.HTTP.PublicURL, c.HTTP.Listen)
	}
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return host
}

// storeLoopback is true when every host of a Redis store is this machine.
func (c *Config) storeLoopback() bool {
	_, authority, _ := strings.Cut(c.Store.String(), "://")
	authority, _, _ = strings.Cut(authority, "/")
	authority = strings.TrimSuffix(authority, "?…")
	for h := range strings.SplitSeq(authority, ",") {
		if host := hostOf(h); host != "" {
			h = host
		}
		if !loopback(strings.Trim(h, "[]")) {
			return false
		}
	}
	return true
}
