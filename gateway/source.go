package gateway

import (
	"net/http"
	"net/netip"
	"strings"
)

// source finds the true source of r: the peer of the socket, or what trusted
// proxies say, from the right up to the first address that is not theirs.
func (d *door) source(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := ap.Addr().Unmap().WithZone("")
	if len(d.trusted) == 0 || !d.trusted.Contain(addr) {
		return addr
	}
	lines := r.Header["X-Forwarded-For"]
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for rest != "" {
			hop := rest
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				hop, rest = rest[comma+1:], rest[:comma]
			} else {
				rest = ""
			}
			a, ok := parseHop(strings.Trim(hop, " \t"))
			if !ok {
				return addr // what is left of nonsense is worth nothing
			}
			addr = a
			if !d.trusted.Contain(addr) {
				return addr
			}
		}
	}
	return addr
}

// parseHop reads one address of X-Forwarded-For, with or without a port.
func parseHop(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone(""), true
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	return netip.Addr{}, false
}
