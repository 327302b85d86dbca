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
