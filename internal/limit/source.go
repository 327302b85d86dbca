// Package limit keeps one client from taking what is there for all: it caps
// open connections ([Listener]), work that runs and waits ([Gate]), lets a
// source that misbehaves wait ([Penalty]) and counts what happens again
// ([Recent]).
//
// Every table is bounded and says what it forgets first. Nothing here is kept
// over a restart or shared between processes, and nothing knows users or
// credentials.
package limit

import "net/netip"

const (
	bitsIPv4 = 32
	bitsIPv6 = 64 // what one customer has at least (RFC 6177)
)

// Source is what counts as one source: the address itself for IPv4 (also when
// written as ::ffff:a.b.c.d), its /64 for IPv6, without zone. Of an invalid
// address it is the zero Prefix.
func Source(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := bitsIPv6
	if a.Is4() {
		bits = bitsIPv4
	}
	p, _ := a.Prefix(bits)
	return p
}

// sourceKey is Source as a value without pointers, for tables that the garbage
// collector need not walk. IPv4 is ::ffff:a.b.c.d, which no /64 begins with.
type sourceKey [16]byte

func keyOf(a netip.Addr) sourceKey {
	return Source(a).Addr().As16()
}

// canonical rewrites prefixes of IPv4 addresses that are written as IPv6 ones,
// which would match nothing.
func canonical(prefixes []netip.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(prefixes))
	for _, p := range prefixes {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

func contains(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
