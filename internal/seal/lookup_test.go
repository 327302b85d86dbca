package seal_test

import (
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestLookupIDForm(t *testing.T) {
	r := testRing()
	for _, secret := range []string{"", "s", strings.Repeat("s", 1<<20), "\x00\xff"} {
		id := r.LookupID("apikey", secret)
		if !regexp.MustCompile(`^[A-Za-z0-9._]{43}$`).MatchString(id) {
			t.Errorf("%q", id)
		}
		if id != r.LookupID("apikey", secret) {
			t.Error("not the same twice")
		}
	}
}

func TestLookupIDSeparatesPurposes(t *testing.T) {
	r := testRing()
	seen := make(map[string][2]string)
	for _, in := range [][2]string{{"ab", "c"}, {"a", "bc"}, {"", "abc"}, {"abc", ""}, {"c", "ab"}, {"ab", "C"}, {"ab", "c\x00"}} {
		id := r.LookupID(in[0], in[1])
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q have one id", in, other)
		}
		seen[id] = in
	}
}

func TestLookupIDAtOnce(t *testing.T) {
	r := testRing()
	a, b := r.LookupID("p", "a"), r.LookupID("p", "b")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if r.LookupID("p", "a") != a || r.LookupID("p", "b") != b {
					t.Error("ids mixed up")
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkLookupID(b *testing.B) {
	r, secret := testRing(), "AKCp8"+strings.Repeat("x", 68)
	b.ReportAllocs()
	for b.Loop() {
		r.LookupID("apikey", secret)
	}
}
