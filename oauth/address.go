package oauth

import (
	"net/netip"
	"net/url"
	"strings"
)

// urlFault is what is wrong with an issuer's URL, or "": it is https with a
// host, or http on this machine, and has no user, no fragment, and a query only
// where that is allowed.
func urlFault(text string, longest int, query bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > longest || u.Hostname() == "" || u.Opaque != "":
		return "is not a URL as https://ci.example.com"
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return "is not https; plain http is for this machine alone"
	case u.User != nil:
		return "has a user in it"
	case strings.Contains(text, "#") || !query && (u.RawQuery != "" || u.ForceQuery):
		return "has a query or a fragment"
	}
	return ""
}

// callbackFault is what is wrong with a redirect URI of ours, or "".
func callbackFault(text string) string {
	u, err := url.Parse(text)
	if err != nil || len(text) > maxIssuerURL || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" ||
		u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return "is not an address as https://latchkey.example.com/callback"
	}
	return ""
}

// loopback is true for what cannot lead away from this machine.
func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || err != nil && strings.EqualFold(host, "localhost")
}
