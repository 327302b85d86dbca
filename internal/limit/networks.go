package limit

import "net/netip"

// Networks is a list of networks, such as those of trusted proxies. Make it
// with [NewNetworks].
type Networks []netip.Prefix

// NewNetworks takes prefixes in any spelling: IPv4 that is written as IPv6
// (::ffff:10.0.0.0/104), which would match nothing, and bits after the prefix.
func NewNetworks(prefixes []netip.Prefix) Networks {
	out := make(Networks, 0, len(prefixes))
	for _, p := range prefixes {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out
}

// Contain reports that a lies in one of the networks, whatever its zone and
// however it is written.
func (n Networks) Contain(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range n {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
