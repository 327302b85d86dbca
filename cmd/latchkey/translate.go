package main

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/lfs"
	"github.com/latchkey-io/latchkey/oauth"
)

// policy is the configuration's part that auth follows.
func policy(c *configs.Config) auth.Policy {
	p := auth.Policy{
		EncryptedPasswords: auth.EncryptionPolicy(c.Password.EncryptionPolicy),
		MinPassword:        c.Password.MinLength,
		SessionIdle:        c.Session.Idle,
		SessionAbsolute:    c.Session.Absolute,
		SessionRemember:    c.Session.Remember,
		TokenDefault:       c.Tokens.DefaultExpiry,
		TokenMax:           c.Tokens.MaxExpiry,
		UnlockFor:          c.Profile.UnlockFor,
		KeepPasswords:      !c.Profile.UsersMayChangePassword,
		NoNewAPIKeys:       !c.Profile.APIKeyCreation,
	}
	if p.TokenDefault == 0 {
		p.TokenDefault = auth.Endless
	}
	return p
}

// authRoute is a route as far as rights go.
func authRoute(r configs.Route) (auth.Route, error) {
	read, err := auth.ParseRules(r.Read)
	if err != nil {
		return auth.Route{}, fmt.Errorf("route %s: read: %w", r.Name, err)
	}
	write, err := auth.ParseRules(r.Write)
	if err != nil {
		return auth.Route{}, fmt.Errorf("route %s: write: %w", r.Name, err)
	}
	upstream, err := configs.ParseUpstream(r.Upstream)
	if err != nil {
		return auth.Route{}, fmt.Errorf("route %s: upstream: %w", r.Name, err)
	}
	return auth.Route{Name: r.Name, Read: read, Write: write, Repositories: upstream.Kind == configs.UpstreamLFS}, nil
}

// newJobs is who judges CI jobs under c. It keeps the keys of issuers that
// before knows.
func newJobs(c *configs.Config, before *oauth.Jobs) (*oauth.Jobs, error) {
	out := oauth.JobsConfig{Before: before}
	for _, p := range c.Jobs {
		provider := oauth.JobProvider{Name: p.Name, Issuer: p.Issuer, Audience: p.Audience}
		for _, m := range p.Mappings {
			provider.Mappings = append(provider.Mappings, oauth.JobMapping{
				Name: m.Name, Claims: m.Claims, User: m.User, Groups: m.Groups, Scope: m.Scope, Life: m.Life,
			})
		}
		out.Providers = append(out.Providers, provider)
	}
	return oauth.NewJobs(out)
}

// lfsRoutes are the routes of the built-in LFS store.
func lfsRoutes(c *configs.Config) ([]lfs.RouteConfig, error) {
	var routes []lfs.RouteConfig
	for _, r := range c.Routes {
		upstream, err := configs.ParseUpstream(r.Upstream)
		if err != nil {
			return nil, fmt.Errorf("route %s: upstream: %w", r.Name, err)
		}
		if upstream.Kind != configs.UpstreamLFS {
			continue
		}
		route, err := authRoute(r)
		if err != nil {
			return nil, err
		}
		routes = append(routes, lfs.RouteConfig{Route: route, Host: r.Host, Path: r.Path, Dir: upstream.Dir})
	}
	return routes, nil
}

// namedUpstreams are the services that know users by accounts of their own.
func namedUpstreams(c *configs.Config) ([]auth.Upstream, error) {
	out := make([]auth.Upstream, 0, len(c.Upstreams))
	for _, u := range c.Upstreams {
		address, err := url.Parse(u.URL)
		if err != nil {
			return nil, fmt.Errorf("upstream %s: url: %w", u.Name, err)
		}
		out = append(out, auth.Upstream{Name: u.Name, URL: address, Send: auth.UpstreamSend(u.Send), Header: u.Header, SignUp: u.SignUp})
	}
	return out, nil
}

// gatewayConfig is what the gateway is made of under c, whose way through
// providers is ways.
func (d *daemon) gatewayConfig(c *configs.Config, ways *logins) (gateway.Config, error) {
	public, err := url.Parse(c.HTTP.PublicURL)
	if err != nil {
		return gateway.Config{}, err
	}
	proxies, err := configs.ParsePrefixes(c.HTTP.TrustedProxies)
	if err != nil {
		return gateway.Config{}, fmt.Errorf("http.trusted_proxies: %w", err)
	}
	out := gateway.Config{
		Auth:           d.authority,
		Ring:           d.ring,
		Log:            d.log,
		PublicURL:      public,
		TrustedProxies: proxies,
		LFS:            d.lfs,
		JFrog:          gateway.JFrogConfig{API: c.JFrog.API, ReportedVersion: c.JFrog.ReportedVersion},
		SSHAddress:     publicSSH(c),
		Logins:         ways.forGateway(),
		Machine:        machine{d},
		Observe:        d.counts.request,
	}
	upstreams, err := namedUpstreams(c)
	if err != nil {
		return gateway.Config{}, err
	}
	for _, r := range c.Routes {
		route, err := d.gatewayRoute(r, upstreams)
		if err != nil {
			return gateway.Config{}, err
		}
		out.Routes = append(out.Routes, route)
	}
	return out, nil
}

// publicSSH is where people reach the SSH door; empty: there is none.
func publicSSH(c *configs.Config) string {
	if c.SSH.Listen == "" {
		return ""
	}
	return c.SSH.PublicAddress
}

func (d *daemon) gatewayRoute(r configs.Route, upstreams []auth.Upstream) (gateway.Route, error) {
	rights, err := authRoute(r)
	if err != nil {
		return gateway.Route{}, err
	}
	out := gateway.Route{
		Route:      rights,
		Host:       r.Host,
		Path:       r.Path,
		WebSocket:  r.WebSocket,
		SameOrigin: r.InsecureSameOrigin,
		Headers:    r.Identity.Headers,
		Assertion:  r.Identity.Assertion,
		Basic:      r.Identity.Basic,
		Timeout:    r.Timeout,

		ExternalTokens: r.ExternalTokens,
	}
	if name := r.Identity.UpstreamCredential; name != "" {
		i := slices.IndexFunc(upstreams, func(up auth.Upstream) bool { return up.Name == name })
		if i < 0 {
			return gateway.Route{}, fmt.Errorf("route %s: there is no upstream %s", r.Name, name)
		}
		out.UpstreamCredential = &upstreams[i]
	}
	if rights.Repositories {
		out.Builtin = d.lfs
	} else {
		out.Upstream = r.Upstream
	}
	return out, nil
}
