package limit_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-io/latchkey/internal/limit"
)

var addr = netip.MustParseAddr

func isRefused(p *limit.Penalty, a netip.Addr) bool {
	_, yes := p.Refused(a)
	return yes
}

func TestPenaltyAddsUpAndDecays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := limit.NewPenalty(limit.PenaltyConfig{Min: 15 * time.Second, Max: time.Minute})
		a := addr("192.0.2.7")
		if isRefused(p, a) {
			t.Error("refused without cause")
		}
		p.Add(a, 10*time.Second)
		if isRefused(p, a) {
			t.Error("refused below Min")
		}
		time.Sleep(4 * time.Second)
		p.Add(a, 8*time.Second) // 14 s are left
		if isRefused(p, a) {
			t.Error("refused below Min, after some ran off")
		}
		p.Add(a, 6*time.Second) // 20 s
		until, yes := p.Refused(a)
		if !yes || time.Until(until) != 20*time.Second {
			t.Errorf("refused %v for %v, want 20 s", yes, time.Until(until))
		}
		// Once refused, until the end, not only down to Min.
		time.Sleep(19 * time.Second)
		if !isRefused(p, a) {
			t.Error("let in early")
		}
		time.Sleep(time.Second)
		if isRefused(p, a) {
			t.Error("still refused at the end")
		}
		// And then the sum begins anew.
		p.Add(a, 10*time.Second)
		if isRefused(p, a) {
			t.Error("an old sum counted")
		}
		for range 100 {
			p.Add(a, 1<<62)
		}
		if until, _ := p.Refused(a); time.Until(until) != time.Minute {
			t.Errorf("waits %v, Max is a minute", time.Until(until))
		}
		p.Add(a, -time.Hour)
		p.Add(a, 0)
		if !isRefused(p, a) {
			t.Error("a negative penalty helped")
		}
	})
}

func TestPenaltyIsPerSource(t *testing.T) {
	p := limit.NewPenalty(limit.PenaltyConfig{Exempt: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::ffff:172.16.0.0/108"),
	}})
	for _, a := range []string{"192.0.2.7", "2001:db8::1", "10.1.2.3", "::ffff:10.1.2.3", "172.16.0.1"} {
		p.Add(addr(a), time.Minute)
	}
	p.Add(netip.Addr{}, time.Minute)
	for a, want := range map[string]bool{
		"192.0.2.7": true, "::ffff:192.0.2.7": true, "192.0.2.8": false,
		"2001:db8::2": true, "2001:db8::2%eth0": true, "2001:db8:0:1::1": false,
		"10.1.2.3": false, "::ffff:10.1.2.3": false, "172.16.0.1": false, "::ffff:172.16.0.1": false,
	} {
		if got := isRefused(p, addr(a)); got != want {
			t.Errorf("%s refused: %v", a, got)
		}
	}
	if isRefused(p, netip.Addr{}) {
		t.Error("an invalid address is refused")
	}
}

func TestFullPenaltyTableForgetsTheLeast(t *testing.T) {
	now := time.Unix(1900000000, 0)
	p := limit.NewPenalty(limit.PenaltyConfig{Now: func() time.Time { return now }, Table: 3, Max: time.Hour})
	p.Add(addr("192.0.2.1"), 30*time.Second)
	p.Add(addr("192.0.2.2"), 10*time.Second)
	p.Add(addr("192.0.2.3"), 20*time.Second)
	p.Add(addr("192.0.2.4"), 5*time.Second) // in place of .2
	p.Add(addr("192.0.2.5"), 6*time.Second) // in place of .4
	p.Add(addr("192.0.2.3"), time.Second)   // known: displaces nobody
	for a, want := range map[string]bool{"192.0.2.1": true, "192.0.2.2": false, "192.0.2.3": true, "192.0.2.4": false, "192.0.2.5": true} {
		if got := isRefused(p, addr(a)); got != want {
			t.Errorf("%s refused: %v", a, got)
		}
	}
	now = now.Add(7 * time.Second)
	if isRefused(p, addr("192.0.2.5")) || !isRefused(p, addr("192.0.2.3")) {
		t.Error("after seven seconds")
	}
}

func TestPenaltyUnderAFloodOfAddresses(t *testing.T) {
	p := limit.NewPenalty(limit.PenaltyConfig{Table: 10000, Max: time.Hour})
	bad := addr("192.0.2.7")
	p.Add(bad, time.Hour)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	random := rand.New(rand.NewPCG(1, 2))
	for range 1_000_000 {
		var ip [16]byte
		binary.BigEndian.PutUint64(ip[:], random.Uint64())
		p.Add(netip.AddrFrom16(ip), time.Duration(random.IntN(60)+1)*time.Second)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if !isRefused(p, bad) {
		t.Error("the flood displaced the worst offender")
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
		t.Errorf("the table has %d bytes", grown)
	}
	runtime.KeepAlive(p)
}

func TestPenaltyAtOnce(t *testing.T) {
	p := limit.NewPenalty(limit.PenaltyConfig{Table: 50})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 5000 {
				a := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
				p.Add(a, time.Duration(i)*time.Millisecond)
				p.Refused(a)
			}
		})
	}
	wg.Wait()
}

func BenchmarkPenalty(b *testing.B) {
	p := limit.NewPenalty(limit.PenaltyConfig{})
	for i := range 100_000 {
		p.Add(netip.AddrFrom4([4]byte{byte(i >> 16), byte(i >> 8), byte(i), 1}), time.Duration(i)*time.Millisecond)
	}
	b.Run("refused", func(b *testing.B) {
		b.ReportAllocs()
		a := addr("192.0.2.7")
		for b.Loop() {
			p.Refused(a)
		}
	})
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			p.Add(netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)}), time.Minute)
		}
	})
}
