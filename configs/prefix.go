package configs

import (
	"fmt"
	"net/netip"
)

const (
	shortestIPv4 = 8 // bits: 10.0.0.0/8 is the widest private network
	shortestIPv6 = 7 // bits: fc00::/7 is the widest private network
)

// mappedIPv4 is where IPv6 spells all of IPv4 (RFC 4291 §2.5.5.2).
var mappedIPv4 = netip.MustParsePrefix("::ffff:0:0/96")

// ParsePrefixes reads a list of CIDRs; a single address counts as itself.
// It refuses what trusts everybody, whole or in parts, and what compares
// differently from how it reads: zones, IPv4 in IPv6 spelling, bits after the
// prefix. Peers must be unmapped (netip.Addr.Unmap) before they are compared.
func ParsePrefixes(list []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		p, text := parsePrefix(s)
		if text != "" {
			return nil, fmt.Errorf("entry %d %s", i+1, text)
		}
		out[i] = p
	}
	return out, nil
}

func checkPrefixes(r *report, path string, list []string) {
	for i, s := range list {
		if _, text := parsePrefix(s); text != "" {
			r.at(index(path, i), "%s", text)
		}
	}
}

// parsePrefix reads one CIDR or says what is wrong with it.
func parsePrefix(s string) (netip.Prefix, string) {
	var p netip.Prefix
	if a, err := netip.ParseAddr(s); err == nil {
		if a.Zone() != "" {
			return p, "must not have a zone"
		}
		p = netip.PrefixFrom(a, a.BitLen())
	} else if p, err = netip.ParsePrefix(s); err != nil {
		return netip.Prefix{}, "takes a network, as 10.0.0.0/8 or 192.0.2.7; names, zones and * are not networks"
	}
	shortest := shortestIPv6
	switch {
	case p.Addr().Is4():
		shortest = shortestIPv4
	case p.Addr().Is4In6():
		return netip.Prefix{}, "is IPv4 in IPv6 spelling; write it as IPv4"
	}
	switch {
	case p.Addr().IsUnspecified() && p.IsSingleIP():
		return netip.Prefix{}, "is no peer's address"
	case p.Bits() < shortest:
		return netip.Prefix{}, "would trust nearly everybody; list the networks of the proxies alone"
	case p.Overlaps(mappedIPv4):
		return netip.Prefix{}, "covers every IPv4 address; list the networks of the proxies alone"
	case p != p.Masked():
		return netip.Prefix{}, fmt.Sprintf("has bits after the prefix; write %s", p.Masked())
	}
	return p, ""
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
