package configs

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// hostForm is a lower-case DNS name (RFC 1123 §2.1), without the final dot.
var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

const maxHost = 253 // RFC 1035 §2.3.4, in bytes

// numericEnd is what resolvers may read as an IP address in an odd spelling
// (127.1, 0x7f000001), so it is no name.
var numericEnd = regexp.MustCompile(`(^|\.)(0x[0-9a-f]*|[0-9]+)$`)

func validHost(s string) bool {
	return len(s) <= maxHost && hostForm.MatchString(s) && !numericEnd.MatchString(s)
}

// validateListeners judges the four addresses and that no two are one.
func (c *Config) validateListeners(r *report) {
	if c.HTTP.Listen == "" && c.HTTP.TLSListen == "" {
		r.at("http.listen", "is empty, and so is tls_listen: nobody could connect")
	}
	var before []listener
	for _, l := range c.listeners() {
		if text := checkAddress(l.address); text != "" {
			r.at(l.path, "%s", text)
			continue
		}
		for _, b := range before {
			if sameSocket(b.address, l.address) {
				r.at(l.path, "is the address of %s too", b.path)
			}
		}
		before = append(before, l)
	}
}

// listener is an address that the daemon listens on, and its key.
type listener struct{ path, address string }

// listeners is those that are switched on.
func (c *Config) listeners() []listener {
	var on []listener
	for _, l := range []listener{
		{"http.listen", c.HTTP.Listen},
		{"http.tls_listen", c.HTTP.TLSListen},
		{"ops.listen", c.Ops.Listen},
		{"ssh.listen", c.SSH.Listen},
	} {
		if l.address != "" {
			on = append(on, l)
		}
	}
	return on
}

// checkAddress says what is wrong with an address to listen on. It may leave
// the host out (all interfaces) and have port 0 (any free one).
func checkAddress(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "takes host:port, as 127.0.0.1:8080 or [::1]:8080"
	}
	if portNumber(port) < 0 {
		return "takes a port number from 0 to 65535 after the colon"
	}
	if host == "" {
		return ""
	}
	if _, err := netip.ParseAddr(host); err == nil || validHost(strings.ToLower(host)) {
		return ""
	}
	return "does not begin with an IP address or a host name; all interfaces are 0.0.0.0 or [::]"
}

// checkPublicAddress says what is wrong with an address to connect to.
func checkPublicAddress(s string) string {
	if text := checkAddress(s); text != "" {
		return text
	}
	if host, port, _ := net.SplitHostPort(s); host == "" || portNumber(port) == 0 {
		return "takes the host and port that people connect to"
	}
	return ""
}

// sameSocket is true when two listeners cannot both have their address.
func sameSocket(a, b string) bool {
	ah, ap, errA := net.SplitHostPort(a)
	bh, bp, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portNumber(ap) != portNumber(bp) || portNumber(ap) == 0 {
		return false
	}
	return reaches(ah, bh) || reaches(bh, ah)
}

// reaches is true when a connection to host may arrive at a socket that
// listens on the host bound. It is careful: a name that may be this machine
// counts as this machine.
func reaches(host, bound string) bool {
	to, toIP := addrOf(host)
	on, onIP := addrOf(bound)
	switch {
	case !toIP || !onIP:
		return strings.EqualFold(host, bound) || local(host) && local(bound)
	case to == on:
		return true
	case to.IsUnspecified():
		return on.IsLoopback() || on.IsUnspecified()
	case on.IsUnspecified():
		return to.IsLoopback()
	}
	return false
}

// addrOf is host as an IP address. No host is all of them.
func addrOf(host string) (netip.Addr, bool) {
	if host == "" {
		return netip.IPv6Unspecified(), true
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap().WithZone(""), err == nil
}

// local is true for a host that is this machine and nobody else's way to it:
// loopback, localhost (RFC 6761 §6.3), or all interfaces.
func local(host string) bool {
	a, ok := addrOf(host)
	if ok {
		return a.IsLoopback() || a.IsUnspecified()
	}
	return localhost(host)
}

func localhost(name string) bool {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// loopback is true for a host that only this machine can reach.
func loopback(host string) bool {
	if host == "" {
		return false
	}
	a, ok := addrOf(host)
	return ok && a.IsLoopback() || !ok && localhost(host)
}

// portNumber is 0 to 65535, or -1 for what is no port.
func portNumber(s string) int {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// checkPublicURL says what is wrong with http.public_url.
func checkPublicURL(s string) string {
	const form = "takes http:// or https://, a host and perhaps a port, as https://keys.example.com"
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return form
	case u.User != nil:
		return "must not have a user or a password in it"
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return "must end after the host and port: no path, no query"
	}
	return checkURLHost(u)
}

func checkURLHost(u *url.URL) string {
	host := u.Hostname()
	if a, err := netip.ParseAddr(host); err == nil && a.Zone() != "" {
		return "must not have a zone in its address"
	} else if err != nil && !validHost(strings.ToLower(host)) {
		return "has a host that is not a host name or an IP address"
	}
	if p := u.Port(); strings.HasSuffix(u.Host, ":") || p != "" && portNumber(p) <= 0 {
		return "takes a port number from 1 to 65535"
	}
	return ""
}

// canonicalURL is a valid public_url in one spelling: lower case, without a
// final slash or a port that the scheme implies. Links and cookies rest on it.
func canonicalURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	host := strings.ToLower(u.Host)
	if p := u.Port(); p != "" && portNumber(p) == impliedPort(u.Scheme) {
		host = strings.TrimSuffix(host, ":"+p)
	}
	return u.Scheme + "://" + host
}

func impliedPort(scheme string) int {
	if scheme == "https" {
		return 443
	}
	return 80
}

// urlPort is the port that u connects to.
func urlPort(u *url.URL) int {
	if p := u.Port(); p != "" {
		return portNumber(p)
	}
	return impliedPort(u.Scheme)
}
