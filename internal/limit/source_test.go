package limit_test

import (
	"net/netip"
	"testing"

	"github.com/latchkey-io/latchkey/internal/limit"
)

func TestSource(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":               "192.0.2.7/32",
		"::ffff:192.0.2.7":        "192.0.2.7/32",
		"::ffff:192.0.2.7%eth0":   "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":    "2001:db8:1:2::/64",
		"fe80::1%eth0":            "fe80::/64",
		"::1":                     "::/64",
		"::":                      "::/64",
		"0.0.0.0":                 "0.0.0.0/32",
		"2001:db8:1:2:ffff::ffff": "2001:db8:1:2::/64",
	} {
		if got := limit.Source(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("Source(%s) = %s, want %s", in, got, want)
		}
	}
	if got := limit.Source(netip.Addr{}); got != (netip.Prefix{}) {
		t.Errorf("of nothing: %v", got)
	}
}
